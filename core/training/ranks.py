"""What a run of several processes asks of an engine's collectives.

A rank is one process, with its rows of every batch.
"""

from typing import Protocol

import numpy as np

from tandemclip.core.ops import Array


class Ranks(Protocol):
    rank: int
    size: int

    def gather(self, x: Array) -> Array:
        """[n, ...] of every rank -> [size * n, ...], rank by rank. No gradient: that is carried back by `sum`."""

    def sum(self, x: Array) -> Array:
        """Over the ranks, element by element."""


class Alone:
    """One process."""

    rank, size = 0, 1

    def gather(self, x):
        return x

    def sum(self, x):
        return x


def total(engine, value: float) -> float:
    """The sum of a host's number over the ranks; one rank alone need not ask its device."""
    if engine.ranks.size == 1:
        return float(value)
    return float(engine.ranks.sum(engine.ops.constant(np.float32(value))))
