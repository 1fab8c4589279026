"""Some records of each class, for archives without a split of their own."""

from dataclasses import dataclass

import numpy as np

from tandemclip.core.bounds import Count, Natural
from tandemclip.core.data.sources.part import Part
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.random import generator


@dataclass(frozen=True)
class OfEachClass(Part):
    """The records from `start` to `stop` of each class, in an order of its records that no seed changes: 0 to 30 and 30
    to null are two parts. A class with fewer has fewer.

    source: what they are taken from. start: how many records of each class are left out. stop: where they end; null:
    the rest.
    """

    source: Source
    start: Natural = 0
    stop: Count | None = None

    def __post_init__(self):
        if self.stop is not None and self.start >= self.stop:
            raise UserError(f"of_each_class: from {self.start} to {self.stop}; expected start < stop")

    def chosen(self):
        labels = self.source.labels()
        order = generator(0, "of each class").permutation(len(labels))
        parts = [order[labels[order] == label][self.start : self.stop] for label in np.unique(labels[labels >= 0])]
        found = np.sort(np.concatenate([np.zeros(0, int), *parts]))
        if not len(found):
            raise UserError(f"of_each_class: no class of the source has more than {self.start} records: lower `start`")
        return found
