"""Retrieval recall against what construction predicts, and against a plain double loop."""

import numpy as np
import pytest

from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols import retrieval
from tandemclip.core.evaluation.protocols.features import unit_rows


def of_directions(images, texts, owner):
    return retrieval.recall(unit_rows(images, "images"), unit_rows(texts, "texts"), owner, lambda u, v: u @ v.T)


def recall(images, texts, owner):
    """{"i2t": {1: share, 5: share, 10: share}, "t2i": ...}"""
    found = of_directions(images, texts, owner)
    assert tuple(found) == retrieval.METRICS
    return {way: {k: found[f"{way}/R@{k}"].share for k in retrieval.AT} for way in ("i2t", "t2i")}


def recall_by_loop(images, texts, owner):
    images = [image / np.linalg.norm(image) for image in images]
    texts = [text / np.linalg.norm(text) for text in texts]
    i2t, t2i = [], []
    for i, image in enumerate(images):
        own = [j for j in range(len(texts)) if owner[j] == i]
        if own:
            order = sorted(range(len(texts)), key=lambda j: -(image @ texts[j]))
            i2t.append(min(order.index(j) for j in own))
    for j, text in enumerate(texts):
        order = sorted(range(len(images)), key=lambda i: -(images[i] @ text))
        t2i.append(order.index(owner[j]))
    return {
        name: {k: sum(rank < k for rank in ranks) / len(ranks) for k in (1, 5, 10)}
        for name, ranks in (("i2t", i2t), ("t2i", t2i))
    }


@pytest.mark.parametrize("elements", [retrieval.ELEMENTS, 100, 1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_against_a_loop(monkeypatch, elements, dtype):
    monkeypatch.setattr(retrieval, "ELEMENTS", elements)  # blocks of all, three and one image
    generator = np.random.default_rng(0)
    images = generator.standard_normal((23, 6)).astype(dtype)
    owner = generator.integers(0, 20, 37)  # one to several captions an image in any order, and images without one
    texts = (images[owner] + 1.2 * generator.standard_normal((37, 6))).astype(dtype)
    found = recall(images, texts, owner)
    assert found == recall_by_loop(images, texts, owner)
    assert 0 < found["i2t"][1] < found["i2t"][5] < found["i2t"][10] <= 1


def test_each_rank_by_construction():
    """On a circle, text j lies 0.4 of a gap short of image j - shift; 2 shift of the images are nearer than its own."""
    count = 40
    angle = 2 * np.pi * np.arange(count) / count
    images = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    for shift, hits in ((0, {1: 1, 5: 1, 10: 1}), (2, {1: 0, 5: 1, 10: 1}), (4, {1: 0, 5: 0, 10: 1})):
        turned = angle - (shift + 0.4) * 2 * np.pi / count
        texts = np.stack([np.cos(turned), np.sin(turned)], axis=1)
        assert recall(images, texts, np.arange(count)) == {"i2t": hits, "t2i": hits}


def test_one_good_caption_of_five_is_enough_for_the_image():
    images = np.eye(20, 40)
    owner = np.repeat(np.arange(20), 5)
    texts = np.eye(20, 40, k=20)[owner]  # at a right angle to every image: nothing speaks for their own
    texts[::5] = images
    found = recall(images, texts, owner)
    assert found["i2t"] == {1: 1.0, 5: 1.0, 10: 1.0}
    assert found["t2i"] == {1: 0.2, 5: 0.2, 10: 0.2}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_collapsed_model_scores_nothing(dtype):
    """All features equal, in sizes at which the blocks of a matrix product differ in their last bits."""
    feature = np.random.default_rng(3).standard_normal(77).astype(dtype)
    found = recall(np.tile(feature, (67, 1)), np.tile(feature, (131, 1)), np.arange(131) % 67)
    assert found == {"i2t": {1: 0, 5: 0, 10: 0}, "t2i": {1: 0, 5: 0, 10: 0}}


def test_fewer_candidates_than_ten():
    assert recall(np.eye(2), np.eye(2)[::-1], np.arange(2)) == {
        "i2t": {1: 0.0, 5: 1.0, 10: 1.0},
        "t2i": {1: 0.0, 5: 1.0, 10: 1.0},
    }


def test_hits_are_those_of_each_image():
    """Image 1 has two captions, of which one finds it; image 2 has none; the caption of image 0 looks like image 2."""
    images = np.eye(3)
    found = of_directions(images, np.array([[0, 0.1, 1.0], [0, 1, 0], [1, 0.5, 0]]), np.array([0, 1, 1]))
    assert found["t2i/R@1"].right.tolist() == [0, 1, 0] and found["t2i/R@1"].asked.tolist() == [1, 2, 0]
    assert found["i2t/R@1"].right.tolist() == [0, 1, 0] and found["i2t/R@1"].asked.tolist() == [1, 1, 0]
    assert found["t2i/R@5"].right.tolist() == [1, 2, 0] and found["t2i/R@1"].share == 1 / 3


def test_length_of_features_does_not_matter():
    generator = np.random.default_rng(4)
    images, texts = generator.standard_normal((12, 4)), generator.standard_normal((12, 4))
    stretched = images * 10.0 ** generator.integers(-3, 4, (12, 1))
    expected = recall(images, texts, np.arange(12))
    assert recall(stretched, texts, np.arange(12)) == expected


@pytest.mark.parametrize(
    "owner, texts, told",
    [
        ([1, 2], 3, "(2,) from 1 to 2"), ([0, 1, 3], 3, "(3,) from 0 to 3"), ([2, 1, -1], 3, "(3,) from -1 to 2"),
        ([], 3, "(0,) of no text"), ([], 0, "(0,) of no text"),
    ],
)  # fmt: skip
def test_owner_that_does_not_fit(owner, texts, told):
    with pytest.raises(UserError) as error:
        of_directions(np.eye(3), np.eye(3)[:texts], np.array(owner, int))
    assert str(error.value) == (
        f"got owners {told}; expected one of the 3 images (from 0) for each of the {texts} texts, and some text"
    )


def test_any_similarity_is_asked_in_blocks(monkeypatch):
    """The nearest by distance, of points that a dot product orders otherwise."""
    generator = np.random.default_rng(5)
    images = generator.standard_normal((23, 3)) * 10.0 ** generator.integers(-1, 2, (23, 1))
    owner = generator.integers(0, 23, 40)
    texts = images[owner] + 0.3 * generator.standard_normal((40, 3))
    distance = lambda u, v: -np.square(u[:, None] - v[None]).sum(2)
    monkeypatch.setattr(retrieval, "ELEMENTS", 100)
    found = retrieval.recall(images, texts, owner, distance)
    table = distance(images, texts)
    ranks = np.array([(table[:, j] >= table[owner[j], j]).sum() - 1 for j in range(40)])
    assert found["t2i/R@5"].share == np.mean(ranks < 5) and 0.3 < found["t2i/R@1"].share < 1
    assert found["t2i/R@1"].share != of_directions(images, texts, owner)["t2i/R@1"].share
    own = [max((table[i, owner == i]), default=-np.inf) for i in range(23)]
    ranks = np.array([(table[i, owner != i] >= own[i]).sum() for i in range(23)])
    assert found["i2t/R@1"].right.tolist() == [bool(r == 0) and i in owner for i, r in enumerate(ranks)]


def test_equal_pairs_tie_in_float32_too():
    feature = np.random.default_rng(3).standard_normal(77).astype(np.float32)
    images, texts = np.tile(feature, (67, 1)), np.tile(feature, (131, 1))
    found = retrieval.recall(images / 9, texts / 9, np.arange(131) % 67, lambda u, v: u @ v.T)
    assert all(hits.share == 0 for hits in found.values())


def test_what_guessing_gets_is_what_random_orders_give():
    """Several captions, one, and none an image; 9 texts, so that the first ten are all."""
    owner, images, rng = np.array([0, 0, 0, 1, 2, 2, 3, 3, 3]), 5, np.random.default_rng(6)
    found = retrieval.recall(np.eye(images), np.eye(images)[owner], owner, lambda u, v: u @ v.T)
    counted = {name: np.zeros(images) for name in found}
    for _ in range(4000):
        order, places = rng.permutation(9), np.argsort(rng.random((9, images)), 1)
        for k in retrieval.AT:
            counted[f"i2t/R@{k}"][np.unique(owner[order[:k]])] += 1
            near = np.argsort(places, 1)[np.arange(9), owner] < k
            counted[f"t2i/R@{k}"] += np.bincount(owner[near], minlength=images)
    for name, hits in found.items():
        assert hits.guessing == pytest.approx(counted[name].sum() / 4000 / hits.queries, abs=0.02), name
    assert found["i2t/R@1"].chance.tolist() == pytest.approx([3 / 9, 1 / 9, 2 / 9, 3 / 9, 0])
    assert found["i2t/R@1"].queries == 4 and found["t2i/R@1"].queries == 9 and found["t2i/R@1"].chance == 1 / 5


def test_as_many_places_as_candidates_are_no_figure():
    found = of_directions(np.eye(6), np.eye(6), np.arange(6))
    told = {name: hits.told_by_guessing for name, hits in found.items()}
    assert told == {f"{way}/R@{k}": k == 10 for way in ("i2t", "t2i") for k in (1, 5, 10)}
    six = of_directions(np.eye(5), np.eye(5)[[0, 1, 2, 3, 4, 4]], np.array([0, 1, 2, 3, 4, 4]))
    assert six["t2i/R@5"].told_by_guessing and not six["i2t/R@5"].told_by_guessing  # one text may be left over
