"""Nearest concepts and their exemplars, against plain loops over what the model gives."""

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.features import encode
from tandemclip.core.pictures.concept_page import concept_page
from tandemclip.core.pictures.nearest_concepts import Near, concepts_of, nearest_concepts, to_pictures, to_texts
from tandemclip.core.serving.model import Model
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.start import tokenizer_of

NAMES = ["red two", "blue two", "green seven", "red two and blue six", "yellow nine"]
GALLERY, ASKED = Scenes(size=32, count=13), Scenes(size=32, count=3, split="held_out")


def model_of(root, name):
    config, _ = read(root / "configs" / "pretrain" / f"{name}.yaml")
    engine = backends.load("torch")(config.method, initial_weights(config.method, 3), config.training.update)
    return Model(engine, config.method, tokenizer_of(config), batch_size=4)


@pytest.fixture(scope="module")
def model(root):
    return model_of(root, "tiny_clip_vit")


def pictures(source):
    return [source[i].image for i in range(len(source))]


def found(model, names=NAMES, top=3, exemplars=2):
    concepts = concepts_of(model, names, "a {}")
    similarity = to_pictures(model, concepts, model.encode_images(pictures(ASKED)))
    return similarity, nearest_concepts(
        model, concepts, similarity, GALLERY, encode(model, GALLERY, {}), top, exemplars
    )


@pytest.mark.parametrize("name", ["tiny_clip_vit", "tiny_filip_vit"])  # by the dot product, and in a way of its own
def test_they_are_those_of_plain_loops(root, name):
    model = model_of(root, name)
    texts = model.encode_texts([f"a {each}" for each in NAMES])
    gallery = model.encode_images(pictures(GALLERY))
    _, rows = found(model)
    assert len(rows) == len(ASKED)
    for picture, row in zip(pictures(ASKED), rows):
        values = [float(model.similarity(model.encode_images([picture]), texts[i : i + 1])[0, 0]) for i in range(5)]
        order = sorted(range(5), key=lambda i: -values[i])[:3]
        assert [near.concept for near in row] == [NAMES[i] for i in order]
        assert [near.similarity for near in row] == pytest.approx([values[i] for i in order], abs=1e-5)
        for near, i in zip(row, order):
            of_gallery = [float(model.similarity(gallery[k : k + 1], texts[i : i + 1])[0, 0]) for k in range(13)]
            assert list(near.numbers) == sorted(range(13), key=lambda k: -of_gallery[k])[:2]
            view = model.method.inference_view()
            assert all((cut == view.cut(GALLERY[k].pixels)).all() for cut, k in zip(near.pixels, near.numbers))


def test_of_equal_ones_the_first_stands_first(model):
    similarity, rows = found(model, ["red two", "red two", "red two"])
    assert np.ptp(similarity, 1).max() == 0
    assert all((near.numbers == rows[0][0].numbers).all() for near in rows[0])
    concepts = concepts_of(model, ["b", "a", "c"], "{}")
    equal = nearest_concepts(model, concepts, np.zeros((1, 3)), GALLERY, encode(model, GALLERY, {}), 3, 1)
    assert [near.concept for near in equal[0]] == ["b", "a", "c"]


def test_more_is_asked_for_than_there_is(model):
    _, rows = found(model, NAMES[:2], top=9, exemplars=99)
    assert [len(row) for row in rows] == [2] * 3 and len(rows[0][0].numbers) == len(GALLERY)


def test_texts_are_asked_about_by_their_cosine(root, model):
    concepts = concepts_of(model, NAMES, "a {}")
    similarity = to_texts(model, concepts, ["a red two", "a blue six"])
    rows = model.encode_texts(["a blue six", *(f"a {each}" for each in NAMES)]).astype(float)
    assert similarity[0].argmax() == 0 and similarity[0, 0] == pytest.approx(1)
    cosines = [rows[0] @ row / np.linalg.norm(rows[0]) / np.linalg.norm(row) for row in rows[1:]]
    assert similarity[1] == pytest.approx(cosines, abs=1e-6)
    filip = model_of(root, "tiny_filip_vit")
    with pytest.raises(UserError, match="Filip|FILIP"):
        to_texts(filip, concepts_of(filip, NAMES, "{}"), ["red two"])


def test_the_page_has_a_column_for_each_concept_below_which_exemplars_stand():
    pixels = lambda value: np.full((4, 4, 3), value, np.uint8)
    near = lambda name, *values: Near(name, 0.5, np.arange(len(values)), np.stack([pixels(v) for v in values]))
    queries = [("a picture", pixels(9)), ("a text", None)]
    figure = concept_page(queries, [[near("one", 1, 2), near("two", 3)], [near("three", 4, 5), near("four", 6, 7)]])
    axes = np.array(figure.axes).reshape(4, 3)
    shown = [[int(a.images[0].get_array()[0, 0, 0]) if a.images else None for a in line] for line in axes]
    assert shown == [[9, 1, 3], [None, 2, None], [None, 4, 6], [None, 5, 7]]
    assert axes[0, 1].get_title() == "one\n0.500" and axes[2, 0].texts[0].get_text() == "a text"
    assert axes[0, 0].get_title() == "a picture\n" and axes[1, 1].get_title() == ""
