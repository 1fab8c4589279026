"""Which evaluation is the best one, when a run has had enough, and what RUN/best.json says."""

import json
import math

import pytest

from tandemclip.core.random import generator
from tandemclip.core.training import best
from tandemclip.core.training.best import Best, Standing


def standing(*figures, stop_after=None, metric="a"):
    """Evaluations after the steps 10, 20, ..."""
    found = Standing([], metric, stop_after)
    news = [found.add(10 * step, {"a": figure, "b": -figure}) for step, figure in enumerate(figures, start=1)]
    return found, news


def test_the_highest_is_the_best_and_of_equal_ones_the_first():
    found, news = standing(1.0, 3.0, 3.0, 2.0)
    assert found.best == Best("a", 3.0, 20) and found.since == 2
    assert news == [True, True, False, False]
    assert found.best_by("b") == Best("b", -1.0, 10) and found.best_by("c") is None


def test_what_is_not_finite_is_never_the_best():
    found, news = standing(math.nan, 1.0, math.nan, math.inf)
    assert found.best == Best("a", 1.0, 20) and news == [False, True, False, False] and found.since == 2
    found, news = standing(math.nan, math.nan, stop_after=2)
    assert found.best is None and news == [False, False] and found.exhausted


def test_without_a_metric_there_is_no_best_and_no_end():
    found, news = standing(1.0, 2.0, metric=None)
    assert found.best is None and news == [False, False] and not found.exhausted


def test_a_run_has_had_enough_as_a_loop_would_count():
    """The rule by itself: a counter that a better figure sets to 0."""
    rng = generator(0, "standing")
    for _ in range(200):
        figures, patience = rng.integers(0, 6, rng.integers(0, 12)).tolist(), int(rng.integers(1, 4))
        highest, count = -math.inf, 0
        for figure in figures:
            highest, count = (figure, 0) if figure > highest else (highest, count + 1)
        assert standing(*figures, stop_after=patience)[0].exhausted == (count >= patience)


def test_a_run_that_goes_on_counts_as_one_that_did_not_stop():
    whole, _ = standing(1.0, 5.0, 2.0, 3.0, stop_after=2)
    parts = Standing(whole.evaluations[:3], "a", 2)
    assert not parts.exhausted
    parts.add(40, {"a": 3.0})
    assert parts.best == whole.best and parts.exhausted and whole.exhausted
    assert parts.measured_at(40) and not parts.measured_at(41)


def test_the_pointer_names_a_folder(tmp_path):
    assert best.pointed(tmp_path) is None
    folder = tmp_path / "checkpoints" / "step-00000020"
    best.point(tmp_path, Best("a", 3.0, 20), folder)
    assert best.pointed(tmp_path) == folder
    written = json.loads((tmp_path / "best.json").read_text())
    assert written == {"metric": "a", "percent": 3.0, "step": 20, "checkpoint": "checkpoints/step-00000020"}
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    assert best.pointed(moved) == moved / "checkpoints" / "step-00000020"


@pytest.mark.parametrize("given", [(None, None), (Best("a", 3.0, 20), None)])
def test_no_best_has_no_pointer(tmp_path, given):
    best.point(tmp_path, Best("a", 3.0, 10), tmp_path / "checkpoints" / "step-00000010")
    for _ in range(2):
        best.point(tmp_path, *given)
        assert best.pointed(tmp_path) is None
