"""A figure is told beside what guessing gets, and one that means nothing says so."""

import json

import numpy as np
import pytest

from tandemclip.core import figures
from tandemclip.core.hits import Hits
from tandemclip.core.scored import AveragePrecision, RocAuc


def share(right, asked, chance, **given):
    return Hits(np.arange(asked) < right, np.ones(asked, bool), chance=chance, **given)


FOUND = {"top1": share(3, 40, 0.1, remarks=("odd",)), "top5": share(39, 40, 0.5), "unknown": share(1, 2, None)}


def test_what_is_written_keeps_the_metrics_where_they_were():
    found = figures.to_json(FOUND)
    assert list(found) == ["top1", "top5", "unknown", "chance", "queries", "interval", "remarks"]
    assert found["top1"] == 7.5 and found["chance"] == {"top1": pytest.approx(10), "top5": pytest.approx(50)}
    assert found["queries"] == {"top1": 40, "top5": 40, "unknown": 2} and found["remarks"] == ["top1: odd"]
    low, high = found["interval"]["top1"]
    assert 2 < low < 7.5 < high < 21


def test_lines_for_people():
    first, second, third, remark = figures.lines(FOUND)
    assert first == "top1: 7.50% (chance 10.00%, 40 queries, 95%: 2.58 to 19.86)"
    assert third.startswith("unknown: 50.00% (2 queries, ") and remark == "remark: top1: odd"


def test_a_remark_on_all_metrics_names_none():
    both = {name: share(1, 2, 0.5, remarks=("odd", "again")) for name in ("a", "b")}
    assert figures.remarks(both) == ["odd", "again"]


def test_where_all_pictures_are_of_one_class_there_is_no_figure():
    scores, present = np.arange(3.0)[:, None], np.ones((3, 1), np.int8)
    found = {
        "top1": share(1, 3, 0.5),
        "roc_auc": RocAuc(scores, present),
        "map11": AveragePrecision(scores, 0 * present),
    }
    assert figures.lines(found)[1:] == [
        "roc_auc: no figure (chance 50.00%, 3 queries)", "map11: no figure (3 queries)",
    ]  # fmt: skip
    told = json.loads(json.dumps(figures.to_json(found), allow_nan=False))
    assert told["roc_auc"] is None and told["interval"]["roc_auc"] == [None, None] and told["queries"]["roc_auc"] == 3
    assert told["map11"] is None and told["chance"] == {"top1": 50, "roc_auc": 50} and told["top1"] > 33


def test_each_remark_once_with_what_it_is_on():
    told = {"first": ["all", "two", "two"], "second": ["all", "one"], "third": ["two", "all"]}
    assert figures.each_once(told) == ["all", "first, third: two", "second: one"]
    assert figures.each_once({"alone": ["a", "a"]}) == ["a"] and figures.each_once({}) == []


def test_a_figure_that_cannot_fail_is_told_whatever_metric_it_is():
    found = {"top1": share(8, 8, 1.0), "i2t/R@10": share(3, 8, np.full(8, 1.0)), "top5": share(1, 8, 0.99)}
    assert figures.remarks(found) == [f"top1, i2t/R@10: {figures.CANNOT_FAIL}"]
    assert "top1" not in figures.at_chance(found)  # it is told already


@pytest.mark.parametrize("right, asked, chance, at_chance", [
    (4, 40, 0.1, True), (7, 40, 0.1, True), (8, 40, 0.1, False), (12, 40, 0.1, False), (0, 40, 0.1, True),
    (0, 3, 0.01, True), (40, 40, 0.5, False), (3, 3, 0.5, True), (1000, 1000, 0.999, True), (30, 1000, 0.1, True),
    (5, 10, None, False),
])  # fmt: skip
def test_no_better_than_guessing(right, asked, chance, at_chance):
    """Three of three coins say nothing, and what is worse than guessing is no better."""
    assert (figures.at_chance({"m": share(right, asked, chance)}) is not None) == at_chance


def test_one_sentence_names_all_that_are():
    found = {"a": share(4, 40, 0.1), "b": share(39, 40, 0.1), "c": share(5, 40, 0.1)}
    assert figures.at_chance(found).startswith("a, c are no better than guessing: ")
    assert "a is no better" in figures.at_chance({"a": found["a"]}) and figures.at_chance({"b": found["b"]}) is None
