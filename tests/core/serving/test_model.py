"""The model that one uses: what it takes, what it costs, and how images and texts compare."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import tandemclip
from tandemclip import backends
from tandemclip.backends.torch import devices
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.first import First
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.retrieval import Retrieval
from tandemclip.core.evaluation.protocols.zero_shot import ZeroShot, class_scores
from tandemclip.core.methods.clip import CLIP
from tandemclip.core.serving.model import Model
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.start import tokenizer_of

SCENES = Scenes(size=32, count=23, digits=1, split="held_out")


@dataclass(frozen=True)
class Nearest(CLIP):
    """Compares in a way of its own, which orders unlike a dot product: by the L1 distance in half of the dimensions."""

    def similarity(self, ops, p, u, v):
        half = self.image.embed_dim // 2
        u, v = u[:, :half], v[:, :half]
        rows = ops.reshape(u, (u.shape[0], 1, half)) - ops.reshape(v, (1, v.shape[0], half))
        return -ops.sum(ops.maximum(rows, -rows), 2)


def distances(images, texts):
    half = images.shape[1] // 2
    return np.array([[-np.abs(u[:half] - v[:half]).sum() for v in texts] for u in images])


@pytest.fixture(scope="module")
def config(root):
    return read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")[0]


@pytest.fixture(scope="module", params=["torch", "mindspore"])
def engines(config, request):
    """(an engine with CLIP, one with a method that compares in a way of its own), the tokenizer"""
    made = []
    for kind in (CLIP, Nearest):
        method = kind(config.method.image, config.method.text)
        engine = backends.load(request.param)(method, initial_weights(method, 3), config.training.update)
        made.append(engine)
    return made, tokenizer_of(config)


def model(engines, own, batch_size):
    made, tokenizer = engines
    engine = made[int(own)]
    return Model(engine, engine.method, tokenizer, batch_size)


def watch(monkeypatch, engine):
    """How many rows each call of the engine was given."""
    rows = []
    apply = engine.apply
    monkeypatch.setattr(engine, "apply", lambda name, *arrays: (rows.append(len(arrays[0])), apply(name, *arrays))[1])
    return rows


@pytest.mark.parametrize("count, fixed", [(1, [1]), (3, [4]), (8, [8]), (5, [8]), (9, [8, 8])])
def test_one_picture_costs_one_picture(engines, monkeypatch, count, fixed):
    clip = model(engines, False, 8)
    images = [SCENES[i].image for i in range(count)]
    alone = np.concatenate([clip.encode_images([image]) for image in images])
    rows = watch(monkeypatch, clip.engine)
    np.testing.assert_allclose(clip.encode_images(images), alone, atol=1e-5)
    plain = [min(8, count - start) for start in range(0, count, 8)]
    assert rows == (fixed if clip.engine.capabilities.fixed_shapes else plain)


def test_a_batch_size_that_is_no_power_of_two(engines, monkeypatch):
    clip = model(engines, False, 6)
    rows = watch(monkeypatch, clip.engine)
    found = clip.encode_texts([f"a red {name}" for name in ("one", "two", "three", "four", "five")])
    assert found.shape == (5, clip.method.text.embed_dim)
    assert rows == [6 if clip.engine.capabilities.fixed_shapes else 5]


def test_evaluation_is_filled_up_to_the_batch_alone(engines, monkeypatch):
    clip = model(engines, False, 8)
    rows = watch(monkeypatch, clip.engine)
    ZeroShot(First(SCENES, 19)).measure(clip)
    fixed = clip.engine.capabilities.fixed_shapes
    assert rows[:3] == ([8, 8, 8] if fixed else [8, 8, 3])


@pytest.mark.parametrize("given", ["a red seven", b"\xff\xd8"])
def test_one_text_is_no_list_of_letters(engines, given, tmp_path):
    clip = model(engines, False, 8)
    with pytest.raises(UserError, match="expected a list of them"):
        clip.encode_texts(given)
    for one in (given, tmp_path / "photo.jpg"):
        with pytest.raises(UserError, match="got one image.*expected a list of them"):
            clip.encode_images(one)
    for encode in (clip.encode_texts, clip.encode_images):
        with pytest.raises(UserError, match="expected one or more"):
            encode([])


def test_a_text_that_is_cut_is_told(engines, recwarn):
    """As long as the model reads, start and end included, is not cut; one word more is, and its end stays."""
    clip = model(engines, False, 8)
    room = clip.method.text.context_length - 2
    fits, longer = (" ".join(["red"] * count) for count in (room, room + 1))
    whole = clip.encode_texts([fits, "a red seven"])
    assert not recwarn.list
    with pytest.warns(
        UserWarning, match=f"1 of 2 texts are longer than the {room + 2} tokens .* cut, such as 'red red"
    ):
        np.testing.assert_array_equal(clip.encode_texts([longer, "a red seven"]), whole)


def test_a_text_without_a_word_is_told(engines):
    clip = model(engines, False, 8)
    told = "2 of 3 texts are without a word that the model knows, such as ''"
    with pytest.warns(UserWarning, match=told):
        clip.encode_texts(["", "a red seven", "\u200b"])


def test_ids_are_those_that_the_model_reads(engines):
    clip = model(engines, False, 8)
    ids = clip.reading.ids(["a red seven"])
    np.testing.assert_array_equal(clip.encode_ids(ids.astype(np.int64)), clip.encode_texts(["a red seven"]))
    with pytest.raises(UserError, match="ids are an array .* expected what reading.ids gives"):
        clip.encode_ids(np.pad(ids, ((0, 0), (0, 1))))
    with pytest.raises(UserError, match=f"expected what reading.ids gives, 0 to {clip.tokenizer.vocab_size - 1}"):
        clip.encode_ids(ids + clip.tokenizer.vocab_size)


@pytest.mark.parametrize("given, words", [
    ({"checkpoint": None}, "the checkpoint is null, None; expected the path"),
    ({"checkpoint": ["run"]}, "the checkpoint is a list"), ({"checkpoint": b"run"}, "the checkpoint is bytes"),
    ({"backend": 3}, "no backend 3; the backends are"), ({"backend": ""}, "no backend ''; the backends are"),
    ({"backend": np}, "no backend <module 'numpy'"), ({"device": 3}, "--device 3 is not there"),
    ({"checkpoint": "~/nowhere"}, f"^{Path.home()}/nowhere holds no whole checkpoint"),
])  # fmt: skip
def test_what_cannot_be_loaded_is_told(given, words):
    with pytest.raises(UserError, match=words):
        tandemclip.load(**{"checkpoint": "nowhere", "backend": "torch"} | given)


def test_a_device_of_torch_is_taken_by_its_name():
    try:
        with pytest.raises(UserError, match="nowhere holds no whole checkpoint"):
            tandemclip.load("nowhere", "torch", device=torch.device("cpu"))
        assert devices.device() == "cpu"
    finally:
        devices.use(None)


def test_what_is_handed_over_is_what_is_encoded(engines):
    """A text of half a surrogate pair, and pictures as PIL's: the rows of what they stand for."""
    clip = model(engines, False, 8)
    pictures = [SCENES[i].image for i in range(2)]
    expected = clip.encode_images(pictures)
    np.testing.assert_array_equal(clip.encode_images([Image.fromarray(picture) for picture in pictures]), expected)
    np.testing.assert_array_equal(clip.encode_images(np.stack(pictures)), expected)
    np.testing.assert_array_equal(clip.encode_texts(["a red \ud83d"]), clip.encode_texts(["a red ?"]))
    with pytest.raises(UserError, match="images.1. is an array .* of float64"):
        clip.encode_images([pictures[0], pictures[1] / 255])
    with pytest.raises(UserError, match="got a mapping"):
        clip.encode_texts({"a red seven": 1})


def test_a_function_of_several_arrays(engines):
    """Fresh inputs at each call, and one array in both places."""
    own = model(engines, True, 8)
    rng = np.random.default_rng(0)
    dim = own.method.image.embed_dim
    for shape in ((3, 5), (3, 5), (2, 2)):
        u, v = (rng.standard_normal((rows, dim)).astype(np.float32) for rows in shape)
        np.testing.assert_allclose(own.engine.apply("similarity", u, v), distances(u, v), rtol=1e-5)
        np.testing.assert_allclose(own.engine.apply("similarity", u, u), distances(u, u), atol=1e-5)
        product = model(engines, False, 8).engine.apply("similarity", u, v)
        np.testing.assert_allclose(product, u.astype(float) @ v.T.astype(float), atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (9, 13)])
def test_similarity_is_the_method_s(engines, shape):
    rng = np.random.default_rng(1)
    clip, own = model(engines, False, 4), model(engines, True, 4)
    u, v = (rng.standard_normal((rows, clip.method.image.embed_dim)).astype(np.float32) for rows in shape)
    found = own.similarity(u, v)
    assert found.shape == shape
    np.testing.assert_allclose(found, distances(u, v), rtol=1e-5)
    product = clip.similarity(u, v)
    np.testing.assert_allclose(product, [[a.astype(float) @ b for b in v.astype(float)] for a in u], rtol=1e-12)
    assert product.dtype == np.float64
    with pytest.raises(UserError, match="images are .*; expected features of one model, .N, D. and .M, D."):
        clip.similarity(u[:, :-1], v)
    for each in (clip, own):
        assert each.similarity(u[:0], v).shape == (0, len(v)) and each.similarity(u, v[:0]).shape == (len(u), 0)
    for given in ((u[0], v), (u, v[0])):
        with pytest.raises(UserError, match="expected a row for each"):
            own.similarity(*given)
    v[0] = np.nan
    for each, name in ((clip, "CLIP"), (own, "Nearest")):
        with pytest.raises(
            UserError, match=rf"^{name}.similarity gives {len(u)} of {found.size} values that are not f"
        ):
            each.similarity(u, v)


def test_protocols_ask_the_method(engines):
    own, captions = model(engines, True, 8), [SCENES[i].captions[0] for i in range(len(SCENES))]
    images = own.encode_images([SCENES[i].image for i in range(len(SCENES))])
    table = distances(images, own.encode_texts(captions))
    found = Retrieval(SCENES).measure(own)
    for i, k in ((i, k) for i in range(len(SCENES)) for k in (1, 5)):
        # captions are equal where scenes look alike, and ties count against the model
        before = np.sum(np.delete(table[i], i) >= table[i, i] - 1e-6)
        assert found[f"i2t/R@{k}"].right[i] == (before < k)
    prompts = {
        "digit": SCENES.prompts["digit"],
        "color": [texts[:n] for n, texts in zip((1, 3, 2, 4), SCENES.prompts["color"])],
    }
    for texts in prompts.values():
        means = np.stack([distances(images, own.encode_texts(own_texts)).mean(1) for own_texts in texts], 1)
        np.testing.assert_allclose(class_scores(own, texts)(images), means, rtol=1e-4)
    labels = np.array([SCENES[i].attributes["digit"] for i in range(len(SCENES))])
    best = class_scores(own, prompts["digit"])(images).argmax(1)
    assert ZeroShot(SCENES).measure(own)["zero_shot/digit"].right.tolist() == (best == labels).tolist()


def test_processes_are_asked_for_by_the_model(engines):
    assert model(engines, False, 8).workers == 0 and replace(model(engines, False, 8), workers=2).workers == 2
