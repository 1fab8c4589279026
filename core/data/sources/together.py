"""Several sources as one: shuffled together, or in an order of their own (`one_after_another`, `balanced`)."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tandemclip.core.data.account import Account
from tandemclip.core.data.records import Record
from tandemclip.core.data.sources.source import Source
from tandemclip.core.identity import Identity


@dataclass(frozen=True)
class Together(Source):
    """Record by record, as one data set of them all (UniCL 4.2.2). Classes of one source are not those of another.

    sources: what is put together.
    """

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

    def account(self) -> tuple[Account, ...]:
        return tuple(account for source in self.sources for account in source.account())

    def identity(self) -> dict[str, Identity]:
        inner = ((which, source.identity()) for which, source in enumerate(self.sources))
        return {f"sources.{which}.{part}": found for which, parts in inner for part, found in parts.items()}

    def class_spaces(self) -> dict[str, tuple[str, ...]]:
        inner = ((which, source.class_spaces()) for which, source in enumerate(self.sources))
        return {f"{which} {space}": names for which, spaces in inner for space, names in spaces.items()}

    @property
    def categories(self) -> tuple[str, ...]:
        """One list of all: categories of one name are one."""
        return tuple(dict.fromkeys(name for source in self.sources for name in source.categories))

    def at(self, which: int, position: int, seed: int, stream: str) -> int:
        """The number of the record at this place of one source's own order."""
        return int(self._starts[which]) + self.sources[which].order(position, seed, f"{stream} of {which}")

    def texts(self, limit: int):
        """An equal share of each source; one record of each of the first `limit` where there are more sources."""
        for source in self.sources[:limit]:
            yield from source.texts(max(1, limit // len(self.sources)))
