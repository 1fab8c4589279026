"""A part of an image tower: some of its stages, with no parameter that they do not use."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tandemclip.backends.recorder.record import Recording, record
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
        has = lambda name: any(used.startswith(f"{name}.") for used in self._used)
        return {name: child for name, child in self.tower.nodes.items() if has(name)}

    def parameters(self):
        return {name: item for name, item in self.tower.parameters().items() if name in self._used}

    def forward(self, ops, p, x):
        """Pictures [B, 3, H, W], or what the stage before `start` gave -> the map [B, C, h, w] of each stage.

        A range that begins behind 0 is of a tower whose own maps are [B, C, h, w].
        """
        if not self.start:
            return self._maps(ops, p, x)
        seen = []
        for i in range(self.start, self.stop):
            x = self.tower.stage(ops, p, i, x)
            seen.append(x)
        return tuple(seen)

    @property
    def strides(self) -> tuple[int, ...]:
        """Pixels of the picture between two places of each map, from stage 0 to before `stop`."""
        return tuple(self.tower.stride // symbol.shape[2] for symbol in self._recorded(self.stop).outputs)

    @cached_property
    def _used(self) -> set[str]:
        names = lambda stop: self._recorded(stop).program.inputs.keys()
        return names(self.stop) - (names(self.start) if self.start else set())

    def _recorded(self, stop: int) -> Recording:
        """The first stages on the smallest picture. An array that is not asked for is no input of the program."""
        shape = ((1, 3, self.tower.stride, self.tower.stride), np.dtype(np.float32))
        read = lambda ops, p, given: StageRange(self.tower, 0, stop)._maps(ops, p, given["pictures"])
        return record(self.tower, {"pictures": shape}, False, read)

    def _maps(self, ops, p, images):
        trunk = self.tower.trunk(ops, p, images, self.stop)
        return Encoding(self.tower, ops, p, (images,), trunk).stages
