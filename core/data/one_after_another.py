"""Several sources trained on one after another, their order drawn anew every epoch (PyramidCLIP A.1)."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tandemclip.core.data.records import Record
from tandemclip.core.data.sources import Source
from tandemclip.core.random import generator


@dataclass(frozen=True)
class OneAfterAnother(Source):
    sources: tuple[Source, ...]

    @cached_property
    def _starts(self) -> np.ndarray:
        return np.cumsum([0, *(len(source) for source in self.sources)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, number: int) -> Record:
        if not 0 <= number < len(self):
            raise IndexError(number)
        which = int(np.searchsorted(self._starts, number, side="right")) - 1
        record = self.sources[which][number - int(self._starts[which])]
        return replace(record, classes=f"{which} {record.classes}")

    def order(self, position: int, seed: int, stream: str = "order") -> int:
        epoch, place = divmod(position, len(self))
        for which in generator(seed, "sources", epoch).permutation(len(self.sources)):
            count = len(self.sources[which])
            if place < count:
                own = self.sources[which].order(epoch * count + place, seed, f"{stream} of {which}")
                return int(self._starts[which]) + own
            place -= count
        raise AssertionError("the sources' lengths changed during the run")

    def texts(self, limit: int):
        for source in self.sources:
            yield from source.texts(limit // len(self.sources))
