"""Stochastic depth (Huang et al. 2016): in training a sample may lose a residual branch."""

from dataclasses import dataclass

import numpy as np

from tandemclip.core.spec import Spec


@dataclass(frozen=True)
class DropPath(Spec):
    """A branch is lost with probability `rate`; what is kept is scaled by 1 / (1 - rate).

    It draws at rate 0 too, so that the numbers of the other layers do not depend on the rates.
    """

    rate: float

    draws = 1

    def __post_init__(self):
        if not 0 <= self.rate < 1:
            raise ValueError(f"drop_path is {self.rate}; it is a chance, from 0 to below 1")

    def forward(self, ops, p, branch):  # [B, ...] -> the same
        if not p.training:
            return branch
        rows = branch.shape[0]
        draw = p.draw(rows)
        if not self.rate:
            return branch
        kept = ops.cast(ops.less(ops.constant(np.float32(self.rate)), draw), "float") / (1 - self.rate)
        return branch * ops.reshape(kept, (rows, *(1 for _ in branch.shape[1:])))
