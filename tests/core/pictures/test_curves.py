"""Training curves: what is drawn is what the journals say."""

import math

import numpy as np
import pytest

from tandemclip.core.errors import UserError
from tandemclip.core.pictures import curves as module
from tandemclip.core.pictures.curves import Curve, curves, smoothed, thinned
from tandemclip.core.pictures.history import History, history, run_views_a_step
from tandemclip.core.training import checkpoint
from tandemclip.core.training.config import read
from tandemclip.core.training.journal import Journal

ROW = {"loss": 1.0, "terms": {}}


# ------------------------------------------------------------------ smoothing
@pytest.mark.parametrize("steps", [1, 7, 50])
def test_smoothed_is_the_weighted_mean_of_what_is_around(steps):
    values = np.random.default_rng(0).normal(size=40)
    values[[0, 5, 6]] = np.nan
    found = smoothed(values, steps)
    for t in range(40):
        weights = [(math.exp(-abs(t - s) / steps), values[s]) for s in range(40) if not math.isnan(values[s])]
        assert found[t] == pytest.approx(sum(w * x for w, x in weights) / sum(w for w, _ in weights))


def test_a_straight_line_is_not_moved_by_smoothing():
    line = np.linspace(5, 1, 201)
    assert smoothed(line, 5)[50:-50] == pytest.approx(line[50:-50], abs=1e-4)


def test_smoothing_keeps_a_constant_and_by_0_steps_everything():
    assert smoothed(np.full(9, 2.5), 4) == pytest.approx(np.full(9, 2.5))
    values = np.array([3.0, np.nan, 2.0])
    assert np.array_equal(smoothed(values, 0), values, equal_nan=True)
    assert np.isnan(smoothed(np.full(3, np.nan), 5)).all()
    assert len(smoothed(np.array([]), 5)) == 0


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 100, 101])
def test_a_thinned_line_covers_the_same(monkeypatch, count):
    monkeypatch.setattr(module, "MOST", 8)
    x, y = np.arange(1, count + 1), np.random.default_rng(count).normal(size=count)
    y[count // 2] = np.nan
    thin_x, thin_y = thinned(x, y)
    assert len(thin_x) == len(thin_y) == min(count, 16)
    if count > 16:
        assert np.nanmax(thin_y) == np.nanmax(y) and np.nanmin(thin_y) == np.nanmin(y)
        assert thin_x[0] == 1 and (np.diff(thin_x) >= 0).all() and np.isfinite(thin_y).all()


# ------------------------------------------------------------------ a run's history
def test_a_resumed_run_is_one_history(tmp_path):
    with Journal(tmp_path) as journal:
        for step in (1, 2, 3, 4):
            journal.append({**ROW, "step": step, "loss": float(step)})
        journal.amend({"step": 4, "evaluation": {"a": 1.0}, "chance": {"a": 0.5}})
    with Journal(tmp_path, resume_step=2) as journal:  # what came after the checkpoint is written anew
        journal.append({**ROW, "step": 3, "loss": None})
        journal.append({**ROW, "step": 4, "loss": 9.0, "evaluation": {"b": 30.0, "a": 20.0}, "chance": {"b": 10.0}})
        journal.append({**ROW, "step": 5, "loss": 8.0, "evaluation": {"b": 40.0, "c": float("nan")}})
    found = history("mine", tmp_path)
    assert found.name == "mine" and found.steps.tolist() == [1, 2, 3, 4, 5]
    assert np.isnan(found.loss).tolist() == [False, False, True, False, False] and found.loss[3] == 9
    figures = {name: (steps.tolist(), values.tolist()) for name, (steps, values) in found.metrics.items()}
    (step,), (nothing,) = figures.pop("c")
    assert step == 5 and np.isnan(nothing)
    assert figures == {"b": ([4, 5], [30, 40]), "a": ([4], [20])}
    assert found.chance == {"b": 10}


def test_a_folder_without_rows_is_refused(tmp_path):
    with pytest.raises(UserError, match="has no rows"):
        history("mine", tmp_path)


@pytest.mark.parametrize("name, views", [("tiny_clip_vit", 8), ("tiny_pyramidclip_vit", 16)])
def test_views_of_a_step(root, tmp_path, name, views):
    config, mapping = read(root / "configs" / "pretrain" / f"{name}.yaml")
    checkpoint.save(tmp_path, 3, {"x": np.zeros(2)}, {}, {"config": mapping})
    assert run_views_a_step(tmp_path) == views == config.views_a_step


# ------------------------------------------------------------------ the figure
def made(name, figures, chance):
    return History(name, np.array([1, 2, 3]), np.array([3.0, 1.0, 2.0]), figures, chance)


def test_the_figure_has_a_panel_for_the_loss_and_each_metric():
    one = made("one", {"a": (np.array([2.0, 3.0]), np.array([10.0, 20.0]))}, {"a": 5.0})
    two = made("two", {"b": (np.array([3.0]), np.array([7.0]))}, {})
    figure = curves([Curve(one, 8), Curve(two, 16)], 0, ["a", "b"], "image views")
    loss, a, b = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["loss", "a", "b"]
    assert {axes.get_xlabel() for axes in figure.axes} == {"image views"}
    assert [line.get_xdata().tolist() for line in loss.lines] == [[8, 16, 24]] * 2 + [[16, 32, 48]] * 2
    assert all(line.get_ydata().tolist() == [3, 1, 2] for line in loss.lines)
    assert [line.get_alpha() for line in loss.lines] == [0.25, None, 0.25, None]
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["one", "two"]
    assert [line.get_xydata().tolist() for line in b.lines] == [[[48, 7]]]
    points, level = a.lines
    assert points.get_xydata().tolist() == [[16, 10], [24, 20]] and set(level.get_ydata()) == {5}
    assert points.get_color() == loss.lines[1].get_color() != b.lines[0].get_color() == loss.lines[3].get_color()


def test_unused_places_are_empty():
    one = made("one", {name: (np.array([3.0]), np.array([7.0])) for name in "abc"}, {})
    figure = curves([Curve(one, 1)], 1, ["a", "b", "c"], "steps")
    assert [axes.axison for axes in figure.axes] == [True] * 4 + [False] * 2
