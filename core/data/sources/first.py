"""The beginning of a source, as a source: what `--overfit` trains on."""

from dataclasses import dataclass

import numpy as np

from tandemclip.core.bounds import Count
from tandemclip.core.data.sources.part import Part
from tandemclip.core.data.sources.source import Source


@dataclass(frozen=True)
class First(Part):
    """The first `count` records (all, where there are fewer) of an order of `source`.

    source: what they are taken from. count: how many.

    Of an order, not of the file: a folder of classes would give pictures of its first class only. The vocabulary
    (`texts`) is that of the whole source: the one that the whole run would have.
    """

    source: Source
    count: Count

    def chosen(self):
        return np.array([self.source.order(number, 0) for number in range(min(self.count, len(self.source)))])
