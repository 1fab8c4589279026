"""Several sources trained on one after another, their order drawn anew every epoch (PyramidCLIP A.1)."""

from dataclasses import dataclass
from functools import lru_cache

from tandemclip.core.data.sources.together import Together
from tandemclip.core.random import generator


@dataclass(frozen=True)
class OneAfterAnother(Together):
    """One source at a time; which comes first is drawn anew every epoch."""

    def order(self, position: int, seed: int, stream: str = "order") -> int:
        epoch, place = divmod(position, len(self))
        for which in _turns(len(self.sources), seed, epoch):
            count = len(self.sources[which])
            if place < count:
                return self.at(which, epoch * count + place, seed, stream)
            place -= count
        raise AssertionError("the sources' lengths changed during the run")


@lru_cache(maxsize=4)
def _turns(count, seed, epoch):
    return generator(seed, "sources", epoch).permutation(count)
