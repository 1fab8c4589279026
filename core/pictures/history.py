"""What a run's journal says of its course, in arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tandemclip.core.config.build import build
from tandemclip.core.errors import UserError
from tandemclip.core.methods.method import Method
from tandemclip.core.training import checkpoint, journal
from tandemclip.core.training.config import views_a_step


@dataclass(frozen=True, eq=False)
class History:
    """A run by its steps (1, 2, ...), which are counted through where it was resumed.

    steps, loss: [N]; a loss may be missing, and is NaN. metrics: {name: (steps [K], figures [K])}. chance: {name: what
    guessing would get}, as far as the journal says it.
    """

    name: str
    steps: np.ndarray
    loss: np.ndarray
    metrics: dict[str, tuple[np.ndarray, np.ndarray]]
    chance: dict[str, float]


def history(name: str, run: Path) -> History:
    rows = journal.read(run)
    if not rows:
        raise UserError(f"{run} has no rows in its {journal.FILE}; give the folder of a run (train --out)")
    measured: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        for metric, figure in row.get("evaluation", {}).items():
            measured.setdefault(metric, []).append((row["step"], figure))
    return History(
        name,
        np.array([row["step"] for row in rows]),
        np.array([row["loss"] for row in rows], float),  # null becomes NaN
        {metric: tuple(np.array(found, float).T) for metric, found in measured.items()},
        {metric: figure for row in rows for metric, figure in row.get("chance", {}).items()},
    )


def run_views_a_step(run: Path) -> int:
    """Crops of a step of a run that go through the image tower, by the configuration in its newest checkpoint."""
    config = checkpoint.read_state(checkpoint.resolve(run))["config"]
    return views_a_step(build(Method, config["method"], "method", stored=True), config["training"]["batch_size"])
