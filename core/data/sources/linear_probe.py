"""Two sources for a linear probe: a classifier learns from one what it is asked about the other."""

from dataclasses import dataclass

import numpy as np

from tandemclip.core.data.sources.part import Part
from tandemclip.core.data.sources.source import Source


@dataclass(frozen=True)
class LinearProbe(Part):
    """For evaluation: all records of `source`, by a classifier of the classes of `learn`, which are the same ones."""

    source: Source
    learn: Source

    def chosen(self):
        return np.arange(len(self.source))
