"""A part of an image tower: some of its stages, with no parameter that they do not use."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tandemclip.backends.recorder.record import record
from tandemclip.core.spec import Spec
from tandemclip.core.towers.encoding import Encoding
from tandemclip.core.towers.tower import ImageTower


@dataclass(frozen=True)
class StageRange(Spec):
    """The stages from `start` to before `stop`, under the tower's own names; from 0 with all that stands in front of
    them. What pools the last map is left out: a parameter without a gradient stops torch's DistributedDataParallel.
    """

    tower: ImageTower
    start: int
    stop: int

    def children(self):
        return {name: child for name, child in self.tower.nodes.items() if self._has(name)}

    def parameters(self):
        return {name: item for name, item in self.tower.parameters().items() if self._has(name)}

    def forward(self, ops, p, x):
        """Pictures [B, 3, H, W], or what the stage before `start` gave -> the map [B, C, h, w] of each stage.

        A range that begins behind 0 is of a tower whose own maps are [B, C, h, w].
        """
        if not self.start:
            trunk = self.tower.trunk(ops, p, x, self.stop)
            return Encoding(self.tower, ops, p, (x,), trunk).stages
        seen = []
        for i in range(self.start, self.stop):
            x = self.tower.stage(ops, p, i, x)
            seen.append(x)
        return tuple(seen)

    @property
    def strides(self) -> tuple[int, ...]:
        """Pixels of the picture between two places of each map, of a range from 0."""
        side = self.tower.stride  # of the smallest picture: its last map has one place
        shape = {"pictures": ((1, 3, side, side), np.dtype(np.float32))}
        recorded = record(self, shape, False, lambda ops, p, given: p(given["pictures"]))
        return tuple(side // symbol.shape[2] for symbol in recorded.outputs)

    def _has(self, name: str) -> bool:
        return self.tower.part(name) in self._parts

    @cached_property
    def _parts(self) -> set[str]:
        return {f"stages.{i}" for i in range(self.start, self.stop)} | (set() if self.start else {"stem"})
