"""t-SNE: classes that lie apart stay apart, prompts come to their pictures, and nothing is left out unsaid."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.errors import UserError
from tandemclip.core.pictures.tsne import Plane, centred, drawn, on_a_plane, plane
from tandemclip.core.random import generator
from tandemclip.tests.core.pictures.small import small_model


@pytest.fixture(scope="module")
def clusters():
    """[90, 8] about three directions, and the number of each."""
    rng, label = generator("clusters"), np.repeat(np.arange(3), 30)
    return np.eye(8)[label] + 0.1 * rng.standard_normal((90, 8)), label


def test_the_nearest_on_the_plane_is_of_its_own_class(clusters):
    rows, label = clusters
    found = on_a_plane(rows, 0)
    assert found.shape == (90, 2)
    apart = np.linalg.norm(found[:, None] - found[None], axis=2) + 1e9 * np.eye(90)
    assert (label[apart.argmin(1)] == label).mean() == 1
    np.testing.assert_array_equal(on_a_plane(rows, 0), found)


def test_centred_sides_meet(clusters):
    """The same directions, moved away as texts lie apart from pictures, are again near those of their class."""
    rows, label = clusters
    stars = centred(np.eye(8)[:3] + 5 * np.eye(8)[7])
    pictures = centred(rows)
    np.testing.assert_allclose(np.linalg.norm(pictures, axis=1), 1)
    assert ((pictures @ stars.T).argmax(1) == label).all()
    np.testing.assert_array_equal(centred(np.ones((3, 4))), np.zeros((3, 4)))  # no direction is left


@pytest.mark.parametrize("count", [3, 4])
def test_few_points_are_enough(count):
    assert np.isfinite(on_a_plane(generator("few").standard_normal((count, 5)), 0)).all()


# ------------------------------------------------------------------ of a model
def test_scenes_are_placed_by_digit(root):
    model, scenes = small_model(root, "tiny_clip_vit"), Scenes(size=32, count=40, split="held_out")
    found = plane(model, scenes)
    digits = [scenes[i].attributes.get("digit") for i in range(40)]
    assert found.label.tolist() == [digit for digit in digits if digit is not None]
    assert found.left_out == digits.count(None) > 0
    assert found.points.shape == (40 - found.left_out, 2) and found.stars.shape == (10, 2)
    figure = drawn(found)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(scenes.class_names)
    assert len(figure.axes[0].collections) == 2 * 10


@dataclass(frozen=True)
class Unlabelled(Scenes):
    """The same pictures, of whose classes there is no text."""

    prompts = {}


def test_without_prompts_there_are_no_stars(root):
    found = plane(small_model(root, "tiny_clip_vit"), Unlabelled(size=32, count=10, digits=1))
    assert found.stars is None and len(found.points) == 10
    classless = small_model(root, "tiny_cross_entropy_resnet")
    with pytest.raises(UserError, match="2 of 2 records have a class, and a plane needs 3"):
        plane(classless, Scenes(size=32, count=2, digits=1))


def test_a_method_without_a_single_embedding_is_refused(root):
    with pytest.raises(UserError, match="FILIP compares token by token, so that a picture is no single point"):
        plane(small_model(root, "tiny_filip_vit"), Scenes(size=32, count=5, digits=1))


def test_many_classes_have_no_legend():
    rng = generator("many")
    found = Plane(rng.random((60, 2)), np.arange(60) % 30, None, (), 0)
    assert not drawn(found).legends
    few = replace(found, label=found.label % 20)
    assert len(drawn(few).legends[0].get_texts()) == 20
