"""Metrics of a classification whose answer is known."""

import numpy as np
import pytest

from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.classes import class_hits, class_metrics, class_statistics, ranked


def test_ranking_against_a_loop():
    scores = np.random.default_rng(1).integers(0, 4, (11, 9)).astype(float)  # many are equal
    found = ranked([scores[:4], scores[4:10], scores[10:]], top=5)
    assert found.shape == (11, 5)
    for row, own in zip(found, scores):
        assert list(row) == sorted(range(9), key=lambda index: (-own[index], index))[:5]
    assert ranked([scores[:, :3]]).shape == (11, 3)


def test_equal_classes_keep_their_order():
    assert ranked([np.zeros((2, 100))], top=3).tolist() == [[0, 1, 2]] * 2  # numpy's sort keeps the order of a few


def test_metrics_by_construction():
    """Class c stands at place c of each ranking: first for class 0, fifth for class 4, sixth for class 5."""
    labels = np.array([0, 0, -1, 0, 1, 4, 4, 5, 5])
    found = class_hits(np.tile(np.arange(6), (9, 1)), labels, classes=7)
    assert {name: hits.share for name, hits in found.items()} == {
        "top1": 3 / 8,
        "top5": 6 / 8,
        "mean_per_class": pytest.approx((1 + 0 + 0 + 0) / 4),  # of the classes that have images
    }
    assert all(hits.asked.tolist() == (labels >= 0).tolist() for hits in found.values())
    assert found["top5"].right.tolist() == [1, 1, 0, 1, 1, 1, 1, 0, 0]


def test_mean_per_class_against_a_loop():
    rng = np.random.default_rng(2)
    labels, predicted = rng.integers(-1, 12, 300) % 9, rng.integers(0, 9, (300, 5))
    predicted[:150, 0] = labels[:150]
    of_class = [np.mean(predicted[labels == c, 0] == c) for c in range(9)]
    assert class_hits(predicted, labels, 9)["mean_per_class"].share == pytest.approx(np.mean(of_class), rel=1e-12)


def test_what_could_not_come_out_otherwise_is_no_figure():
    assert class_metrics(5) == ["top1", "mean_per_class"] and class_metrics(6) == ["top1", "top5", "mean_per_class"]
    assert list(class_statistics(np.array([[1.0, 0], [1, 0]]), np.array([1, 0]), 2)) == class_metrics(2)
    assert class_metrics(2) == ["top1", "mean_per_class", "roc_auc"] and class_metrics(20, multi_label=True) == [
        "map11"
    ]


@pytest.mark.parametrize(
    "predictions, labels", [(np.zeros((2, 1)), [0, 3]), (np.zeros((2, 1)), [0]), (np.zeros((2, 1)), [-1, -1])]
)
def test_labels_that_do_not_fit(predictions, labels):
    with pytest.raises(UserError, match="expected"):
        class_hits(predictions, np.array(labels, dtype=int), classes=3)


def test_what_guessing_gets():
    """Also by trying: a guess of each class is right in one of nine, five different ones in five of nine."""
    rng = np.random.default_rng(3)
    labels = rng.integers(-1, 9, 20_000)
    guessed = rng.permuted(np.tile(np.arange(9), (20_000, 1)), axis=1)
    for name, hits in class_hits(guessed, labels, 9).items():
        assert hits.guessing == pytest.approx({"top1": 1, "top5": 5, "mean_per_class": 1}[name] / 9)
        assert hits.share == pytest.approx(hits.guessing, abs=0.012) and hits.no_better_than_guessing
        assert hits.queries == (labels >= 0).sum()


def test_one_class_is_told():
    one = class_hits(np.zeros((3, 1)), np.zeros(3, int), 1)
    assert all(hits.told_by_guessing and not hits.remarks for hits in one.values())
    images_of_one = class_hits(np.ones((3, 1)), np.array([1, -1, 1]), 4, ("odd",))["top1"]
    assert images_of_one.remarks == ("odd", "all 2 images are of one class, number 1 of 4")
    assert not images_of_one.told_by_guessing
    assert class_hits(np.ones((3, 1)), np.array([1, 2, 1]), 4)["top1"].remarks == ()
