"""Progressive softened labels (LightCLIP 3.2, eq. 9): targets that change with the run."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tandemclip.core.bounds import Share
from tandemclip.core.data.views.text import Targets
from tandemclip.core.errors import UserError
from tandemclip.core.methods.features import START, Elapsed
from tandemclip.core.methods.method import TwoTowers
from tandemclip.core.objectives.targets import EqualLabels, Pairs, Softened, TargetKind
from tandemclip.core.ops import Array, Ops

NEVER = 2.0  # at the last step all of the run is over, 1: what begins at r2 = 1 must not begin there


@dataclass(frozen=True)
class Progressive:
    """One-hot targets up to r1 of the run, smoothed ones up to r2, then ones softened by importance.

    delta: how much of a target the negatives get. r1, r2: where the targets change; r1 < r2. by: what r1 and r2 are
    shares of. "epochs" is as printed: they change between epochs, e < r1 E; a run of one epoch keeps its first targets.
    "steps": they change within an epoch. scale: "none" weighs negatives by plain dot products (eq. 2), "logit_scale" by
    these times exp(logit_scale).
    """

    delta: Share = 0.2
    r1: Share = 0.33
    r2: Share = 0.66
    by: Literal["epochs", "steps"] = "epochs"
    scale: Literal["none", "logit_scale"] = "none"

    def __post_init__(self):
        if not self.r1 < self.r2:
            raise UserError(f"soften got r1={self.r1} and r2={self.r2}; expected r1 < r2: correct them")

    def at(self, ops: Ops, elapsed: Elapsed) -> Softened:
        """The targets then: one program for all phases, as their shares are arrays."""
        over = elapsed.epoch if self.by == "epochs" else elapsed.step
        last = self.r2 if self.r2 < 1 else NEVER
        past = [1.0 - ops.cast(ops.less(over, ops.constant(np.asarray(r))), "float") for r in (self.r1, last)]
        return Softened((past[0] - past[1]) * self.delta, past[1] * self.delta, self.scale == "logit_scale")

    @property
    def phases(self) -> dict[str, Elapsed]:
        """The middle of each phase that there is, by name."""
        bounds = {"one-hot": (0.0, self.r1), "smoothed": (self.r1, self.r2), "importance": (self.r2, 1.0)}
        middles = {name: (start + stop) / 2 for name, (start, stop) in bounds.items() if start < stop}
        return {name: Elapsed(middle, middle) for name, middle in middles.items()}


class SoftTargets(TwoTowers):
    """A method whose pairs may have other targets than one-hot ones, by three fields.

    alpha: label smoothing. targets: what else is a positive, see TextView. soften: targets that change with the run.
    """

    alpha: float
    targets: Targets
    soften: Progressive | None

    def __post_init__(self):
        super().__post_init__()
        if self.soften is not None and (self.alpha or self.targets != "pairs"):
            raise UserError(
                f"method.soften is given with alpha {self.alpha} and targets {self.targets!r}; it softens one-hot "
                "targets by itself: set alpha to 0 and targets to 'pairs', or leave soften out"
            )

    @property
    def phases(self) -> dict[str, Elapsed]:
        return {"": START} if self.soften is None else self.soften.phases

    def kind(self, ops: Ops, elapsed: Elapsed, labels: Array | None) -> TargetKind:
        """labels: int [N, K] of the texts, None where `targets` asks for none."""
        if self.soften is not None:
            return self.soften.at(ops, elapsed)
        return Pairs(self.alpha) if labels is None else EqualLabels(labels, self.alpha)
