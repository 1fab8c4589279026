"""Similarities of image and captions: those of the model, kept piece by piece."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.preparation import select
from tandemclip.core.preparation.ledger import Ledger
from tandemclip.core.preparation.select import similarities, top
from tandemclip.core.serving.model import Model
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.start import tokenizer_of

BROKEN, MUTE = (0, 5, 6, 7, 20), (8, 30)


class Damaged(Source):
    """Scenes with none to two captions, some of them broken; `read` notes which were asked for."""

    def __init__(self, count=31):
        self.scenes, self.read = Scenes(size=32, count=count, split="held_out"), []

    def __len__(self):
        return len(self.scenes)

    def __getitem__(self, index):
        self.read.append(index)
        record = self.scenes[index]
        captions = () if index in MUTE else (record.captions[0], record.summary)[: 1 + index % 2]
        return type(record)(f"scene {index}", b"<html>" if index in BROKEN else record.image, captions)

    def texts(self, limit):
        return self.scenes.texts(limit)


@pytest.fixture(scope="module")
def model(root):
    config, _ = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
    weights = initial_weights(config.method, 3)

    torch = backends.load("torch")

    class FixedShapes(torch):
        """As one that compiles has them."""

        capabilities = replace(torch.capabilities, fixed_shapes=True)

        def apply(self, method, *arrays):
            assert method != "encode_image" or len(arrays[0]) in (1, 4)
            return super().apply(method, *arrays)

    engine = FixedShapes(config.method, weights, config.training.update)
    return Model(engine, config.method, tokenizer_of(config), batch_size=4)  # pieces and batches do not fit


def expected(model, source):
    values = np.full(len(source), np.nan)
    for index in range(len(source)):
        if index not in BROKEN + MUTE:
            record = source[index]
            image = model.encode_images([record.image])[0]
            values[index] = np.mean([image @ text for text in model.encode_texts(list(record.captions))])
    return values


def test_the_mean_cosine_of_image_and_captions(model, tmp_path):
    source = Damaged()
    found, broken = similarities(source, model, Ledger(tmp_path / "s.jsonl", {}))
    np.testing.assert_allclose(found, expected(model, source), atol=2e-6)
    assert [entry["key"] for entry in broken] == [f"scene {i}" for i in sorted(BROKEN + MUTE)]
    assert "no whole image" in broken[0]["why"] and broken[4]["why"] == "it has no caption"


def test_a_restart_goes_on_where_the_last_piece_ends(model, tmp_path, monkeypatch):
    monkeypatch.setattr(select, "PIECE", 5)
    whole, _ = similarities(Damaged(), model, Ledger(tmp_path / "whole.jsonl", {}))
    lines = (tmp_path / "whole.jsonl").read_bytes().splitlines(keepends=True)
    assert len(lines) == 1 + 7 and [len(json.loads(line)["similarity"]) for line in lines[1:]] == [5] * 6 + [1]
    for kept in (0, 3, 7):
        path, source = tmp_path / f"{kept}.jsonl", Damaged()
        path.write_bytes(b"".join(lines[: 1 + kept]) + (lines[kept + 1][:10] if kept < 7 else b""))
        found, broken = similarities(source, model, Ledger(path, {}))
        np.testing.assert_array_equal(found, whole)
        assert sorted(source.read) == list(range(5 * kept, 31)) and len(broken) == len(BROKEN + MUTE)


def test_the_most_similar_in_the_source_s_order_and_the_first_of_equal_ones():
    similarity = np.array([0.1, 0.9, np.nan, 0.5, 0.5, 0.5, 0.7])
    assert top(similarity, 1).tolist() == [1]
    assert top(similarity, 3).tolist() == [1, 3, 6]
    assert top(similarity, 6).tolist() == [0, 1, 3, 4, 5, 6]
    assert top(np.repeat([0.5, 0.7], 100), 150).tolist() == [*range(50), *range(100, 200)]
    with pytest.raises(UserError, match="--top is 7, and 6 of 7 records can be used"):
        top(similarity, 7)


def test_a_defect_of_the_source_is_not_taken_for_a_broken_record(model, tmp_path):
    class Defective(Damaged):
        def __getitem__(self, index):
            raise ZeroDivisionError if index == 3 else BrokenRecord("k", "why")

    with pytest.raises(ZeroDivisionError):
        similarities(Defective(), model, Ledger(tmp_path / "s.jsonl", {}))
