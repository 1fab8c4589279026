"""Metrics of a classification whose answer is known."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

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


# ------------------------------------------------------------------ which metrics scores give
def test_scores_of_many_classes_in_blocks():
    rng = np.random.default_rng(4)
    scores, labels = rng.standard_normal((30, 7)), rng.integers(-1, 7, 30)
    whole, blocks = (
        class_statistics(scores, labels, 7, ("odd",)),
        class_statistics(iter(np.split(scores, 3)), labels, 7),
    )
    assert list(whole) == class_metrics(7) == ["top1", "top5", "mean_per_class"] and whole["top1"].remarks == ("odd",)
    for name, each in class_hits(ranked([scores]), labels, 7).items():
        assert np.array_equal(each.right, whole[name].right) and np.array_equal(each.right, blocks[name].right)


def test_two_classes_have_an_area_too():
    """By how much class 1 is likelier than class 0; what is not asked does not count. The classes may change places."""
    rng = np.random.default_rng(5)
    scores, labels = rng.standard_normal((40, 2)), rng.integers(-1, 2, 40)
    found, asked = class_statistics(scores, labels, 2, ("odd",)), labels >= 0
    assert list(found) == class_metrics(2) and found["roc_auc"].remarks == ("odd",)
    wanted = roc_auc_score(labels[asked], (scores[:, 1] - scores[:, 0])[asked])
    assert found["roc_auc"].share == pytest.approx(wanted, abs=1e-12) and wanted != 0.5
    turned = class_statistics(scores[:, ::-1], np.where(asked, 1 - labels, -1), 2)
    assert turned["roc_auc"].share == pytest.approx(wanted, abs=1e-12)
    assert found["roc_auc"].queries == found["top1"].queries == asked.sum()


def test_several_classes_in_one_picture_have_a_mean_average_precision():
    rng = np.random.default_rng(6)
    scores, present = rng.standard_normal((40, 3)), rng.integers(-1, 2, (40, 3)).astype(np.int8)
    found = class_statistics(iter(np.split(scores, 4)), present, 3)
    assert list(found) == class_metrics(3, multi_label=True) == ["map11"] and found["map11"].remarks == ()
    assert np.array_equal(found["map11"].scores, scores) and np.array_equal(found["map11"].present, present)


def test_ties_and_what_has_no_figure_are_told():
    scores = np.array([[1.0, 0, 0], [1.0, 2, 0], [0.0, 3, 0]])
    present = np.array([[1, 1, 0], [0, 0, 0], [1, 1, 0]], np.int8)
    remarks = class_statistics(scores, present, 3, ("odd",))["map11"].remarks
    assert remarks == (
        "odd",
        "1 of 3 classes have no figure, and are left out: no picture has them",
        "1 times a picture of a class has the score of one without it: the two come in together",
    )
    one_class = class_statistics(scores[:, :2], np.array([1, 1, -1]), 2)
    assert np.isnan(one_class["roc_auc"].share) and one_class["top1"].share == 0.5
    assert one_class["roc_auc"].remarks == (
        "1 of 1 classes have no figure, and are left out: no picture has them, or all do",
    )


@pytest.mark.parametrize("scores, present", [
    (np.zeros((2, 3)), np.zeros((2, 2))),
    (np.zeros((2, 2)), np.full((2, 2), -1)),
    (np.full((2, 2), np.nan), np.ones((2, 2))),
])  # fmt: skip
def test_scores_that_do_not_fit(scores, present):
    with pytest.raises(UserError, match="expected a finite score of each class"):
        class_statistics(scores, present.astype(np.int8), 2)
