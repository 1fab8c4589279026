"""Training curves of several runs: the loss, and a panel for each metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from matplotlib.figure import Figure

from tandemclip.core.pictures.history import History
from tandemclip.core.pictures.page import FAINT, SMALL, legend, page, plain

WIDTH, HEIGHT, ACROSS = 4.5, 3.2, 3  # of a panel, in inches, and how many stand beside each other
MOST = 2000  # places of a raw line; of more steps, each place has the lowest and the highest


@dataclass(frozen=True, eq=False)
class Curve:
    """a_step: what one step is on the x axis, 1 or a number of image views."""

    history: History
    a_step: int


def curves(found: Sequence[Curve], smooth: int, metrics: Sequence[str], axis: str) -> Figure:
    """smooth: see `smoothed`. metrics: which have a panel. axis: what the x axis is called."""
    panels = 1 + len(metrics)
    across = min(panels, ACROSS)
    down = -(-panels // across)
    figure = page(WIDTH * across, HEIGHT * down)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    lines = [_loss(axes[0], curve, smooth, f"C{place}") for place, curve in enumerate(found)]
    for place, curve in enumerate(found):
        for panel, metric in zip(axes[1:], metrics):
            _metric(panel, curve, metric, f"C{place}")
    for panel, title in zip(axes, ("loss", *metrics)):
        panel.set_title(plain(title), fontsize=SMALL + 1)
        panel.set_xlabel(axis, fontsize=SMALL)
        panel.tick_params(labelsize=SMALL)
        panel.grid(alpha=0.3)
    for panel in axes[panels:]:
        panel.set_axis_off()
    legend(axes[0], lines, [curve.history.name for curve in found])
    return figure


def _loss(panel, curve: Curve, smooth: int, color: str):
    """-> the line that a legend names"""
    x, loss = curve.history.steps * curve.a_step, curve.history.loss
    panel.plot(*thinned(x, loss), color=color, alpha=0.25, linewidth=0.7)
    return panel.plot(x, smoothed(loss, smooth), color=color, linewidth=1.5)[0]


def _metric(panel, curve: Curve, metric: str, color: str) -> None:
    if metric not in curve.history.metrics:
        return
    steps, figures = curve.history.metrics[metric]
    panel.plot(steps * curve.a_step, figures, "o-", color=color, markersize=3, linewidth=1.2)
    if metric in curve.history.chance:
        panel.axhline(curve.history.chance[metric], color=FAINT, linestyle=":", linewidth=1)


def smoothed(values: np.ndarray, steps: int) -> np.ndarray:
    """[N] -> [N]: of every step the mean of those around it, with weights that fall by e over `steps` steps.

    y_t = sum over s of a^|t-s| x_s / sum over s of a^|t-s|, a = exp(-1 / steps). It looks to both sides, because a mean
    of what was before lies above a loss that falls. NaN has no weight. steps = 0: the values themselves.
    """
    there = np.isfinite(values)
    decay = np.exp(-1 / steps) if steps else 0.0
    total, weight = _both_sides(np.where(there, values, 0), decay), _both_sides(there.astype(float), decay)
    return np.divide(total, weight, out=np.full(len(values), np.nan), where=weight > 0)


def _both_sides(x: np.ndarray, decay: float) -> np.ndarray:
    """[N] -> [N]: sum over s of decay^|t-s| x_s."""
    return _before(x, decay) + _before(x[::-1], decay)[::-1] - x


def _before(x: np.ndarray, decay: float) -> np.ndarray:
    found = list(accumulate(x.tolist(), lambda total, value: decay * total + value))
    return np.array(found)


def thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A line of at most 2 x MOST points that covers the same: of each stretch the lowest and the highest."""
    if len(x) <= 2 * MOST:
        return x, y
    starts = np.linspace(0, len(x), MOST, endpoint=False).astype(int)
    low, high = np.fmin.reduceat(y, starts), np.fmax.reduceat(y, starts)
    return np.repeat(x[starts], 2), np.stack([low, high], 1).ravel()
