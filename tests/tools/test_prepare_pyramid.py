"""`tools/prepare.py objects` and `summaries` as a person uses them: on real photos, killed and called again."""

import json
import sys
from types import ModuleType

import cv2
import numpy as np
import pytest

from tandemclip.core.data.sources.shard_writer import write_shard
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.preparation.rewrite import samples
from tandemclip.core.spec import initial_weights
from tandemclip.core.training import checkpoint, start
from tandemclip.core.training.config import read
from tandemclip.tests.tools.dying_prepare import killed
from tandemclip.tools import prepare

SHARDS = 6


@pytest.fixture(scope="module")
def encoder(root, tmp_path_factory):
    """A checkpoint as training writes it, of a tiny CLIP with initial weights."""
    run = tmp_path_factory.mktemp("encoder")
    config, mapping = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
    state = {"config": mapping, "tokenizer": start.tokenizer_of(config).to_json()}
    checkpoint.save(run, 0, initial_weights(config.method, 0), {}, state)
    return str(run)


def shards(folder, each):
    """Photos of noise with two captions and three boxed phrases."""
    rng = np.random.default_rng(0)
    jpegs = [cv2.imencode(".jpg", rng.integers(0, 255, (48, 64, 3), np.uint8))[1].tobytes() for _ in range(20)]
    for shard in range(SHARDS):
        content = []
        for i in range(each):
            boxes = [np.sort(rng.random((2, 2)), 0).ravel().tolist() for _ in range(3)]
            captions = [f"A red kite {i} is flying high above the sea"] * 2
            facts = {"captions": captions, "phrases": [{"phrase": "x", "box": box} for box in boxes]}
            content.append((f"{shard}-{i}", {"jpg": jpegs[i % 20], "json": json.dumps(facts).encode()}))
        write_shard(folder / f"{shard}.tar", content)
    return str(folder / "*.tar")


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.tar")}


@pytest.mark.parametrize("command, each, kills", [("summaries", 40, (0, 1)), ("objects", 20, (1,))])
def test_killed_and_called_again_it_writes_the_same_bytes(root, encoder, tmp_path, command, each, kills):
    more = ["--model", "rules"] if command == "summaries" else ["--encoder", encoder]
    given = [command, "--in", shards(tmp_path / "in", each), *more, "--out"]
    assert prepare.main([*given, str(tmp_path / "whole")]) == 0
    whole, out = bytes_of(tmp_path / "whole"), tmp_path / "out"
    assert [key for shard in sorted(whole) for key, _ in samples(tmp_path / "whole" / shard)] == [
        f"{shard}-{i}" for shard in range(SHARDS) for i in range(each)
    ]
    for more in kills:  # when a shard is written and has no name yet, after so many others
        killed(root, more, [*given, str(out)])
        assert len(bytes_of(out)) < SHARDS and list(out.glob(".*.part")) and bytes_of(out).items() <= whole.items()
    assert prepare.main([*given, str(out)]) == 0
    assert bytes_of(out) == whole and not list(out.glob(".*.part"))


def test_the_whole_pyramid_of_real_photos(shared, encoder, tmp_path, capsys):
    photos = list(samples(shared / "data" / "flickr8k_entities" / "dev" / "000000.tar"))[:60]
    write_shard(tmp_path / "photos" / "000000.tar", photos)
    steps = [("photos", "summaries", ["--model", "rules"]), ("summaries", "objects", ["--encoder", encoder])]
    for source, command, more in steps:
        given = ["--in", str(tmp_path / source / "*.tar"), "--out", str(tmp_path / command)]
        assert prepare.main([command, *given, *more]) == 0
    phrases = [json.loads(contents["json"])["phrases"] for _, contents in photos]
    objects = [min(len({tuple(thing["box"]) for thing in found}), 10) for found in phrases]
    assert f"60 samples, {sum(objects)} objects" in capsys.readouterr().out
    source = Shards(str(tmp_path / "objects" / "000000.tar"))
    for i, (key, contents) in enumerate(photos):
        record, given = source[i], json.loads(contents["json"])
        assert (
            record.key.endswith(key) and record.image == contents["jpg"] and list(record.captions) == given["captions"]
        )
        assert record.summary and max(map(len, record.captions)) >= len(record.summary)
        area = lambda box: (box[2] - box[0]) * (box[3] - box[1])
        sizes = sorted((round(area(box), 6) for box in {tuple(thing["box"]) for thing in phrases[i]}), reverse=True)[
            :10
        ]
        found = record.strongest_objects(10)
        assert [round(thing.confidence, 6) for thing in found] == sizes
        assert all(
            {"phrase": thing.phrase, "box": list(thing.box)}.items() <= _boxed(phrases[i], thing).items()
            for thing in found
        )
        assert all(thing.feature.shape == (32,) and np.isfinite(thing.feature).all() for thing in record.objects)


def _boxed(phrases, thing):
    """The annotated phrase that an object was made of, none shorter than others of its box."""
    same = [given for given in phrases if given["box"] == list(thing.box)]
    return max(same, key=lambda given: len(given["phrase"]))


def test_what_cannot_work_is_said_in_one_line(tmp_path, encoder, capsys, monkeypatch):
    given = ["--in", shards(tmp_path / "in", 1), "--out"]
    assert prepare.main(["objects", *given, str(tmp_path / "in"), "--encoder", encoder]) == 2
    assert "where the shards lie" in capsys.readouterr().err
    assert prepare.main(["objects", *given, str(tmp_path / "out"), "--encoder", str(tmp_path)]) == 2
    assert "holds no whole checkpoint" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "transformers", None)  # as where it is not installed
    monkeypatch.delitem(sys.modules, "tandemclip.backends.torch.t5", False)
    assert prepare.main(["summaries", *given, str(tmp_path / "out"), "--model", "t5"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "needs the package transformers" in error and "--model rules" in error


def test_a_package_that_does_not_fit_is_named(tmp_path, capsys, monkeypatch):
    """transformers hides in its own error which of its parts lacks something, and the error then names no package."""

    class Half(ModuleType):
        def __getattr__(self, name):
            if name.startswith("_"):
                raise AttributeError(name)
            raise ModuleNotFoundError(f"Could not import module '{name}'")

    monkeypatch.setitem(sys.modules, "transformers", Half("transformers"))
    monkeypatch.delitem(sys.modules, "tandemclip.backends.torch.t5", False)
    given = ["--in", shards(tmp_path / "in", 1), "--out", str(tmp_path / "out"), "--model", "t5"]
    assert prepare.main(["summaries", *given]) == 2
    error = capsys.readouterr().err
    assert "needs the package transformers, which is missing or does not fit" in error and "None" not in error
