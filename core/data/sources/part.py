"""Parts of a source, as sources: halves of a data set, a data set without some of its classes (`first`: its
beginning).
"""

from abc import abstractmethod
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from tandemclip.core import bounds
from tandemclip.core.data.account import FIRST, Account, Named
from tandemclip.core.data.records import Record
from tandemclip.core.data.sources.class_names import read_class_names
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.identity import Identity, of_file
from tandemclip.core.random import generator


class Part(Source):
    """Some records of `source`, each once. Classes keep their numbers."""

    source: Source
    why = "it is not of this part"  # the others are passed over

    @abstractmethod
    def chosen(self) -> np.ndarray:
        """Their numbers; ascending where there are many, so that neighbours stay neighbours on the disk."""

    @cached_property
    def _numbers(self) -> np.ndarray:
        return self.chosen().astype(np.int32)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, number: int) -> Record:
        if not 0 <= number < len(self):
            raise IndexError(number)
        return self.source[int(self._numbers[number])]

    def account(self) -> tuple[Account, ...]:
        """Those of `source`, and which of its records are taken."""
        passed = {}
        if rest := len(self.source) - len(self):
            out = np.setdiff1d(np.arange(min(len(self.source), len(self) + FIRST)), self._numbers)[:FIRST]
            passed = {self.why: Named(rest, tuple(f"record {number}" for number in out))}
        own = Account(type(self).__name__, "records", len(self.source), len(self), passed)
        return (*self.source.account(), own)

    def identity(self) -> dict[str, Identity]:
        return {f"source.{part}": found for part, found in self.source.identity().items()}

    def texts(self, limit: int):
        return self.source.texts(limit)

    def labels(self):
        return self.source.labels()[self._numbers]

    @property
    def class_names(self):
        return self.source.class_names

    @property
    def multi_label(self):
        return self.source.multi_label

    @property
    def categories(self):
        return self.source.categories

    @property
    def prompts(self):
        return self.source.prompts

    def class_spaces(self):
        return self.source.class_spaces()

    def __getstate__(self) -> dict:
        return {field.name: getattr(self, field.name) for field in fields(self)} | {"_numbers": self._numbers}


@dataclass(frozen=True)
class Share(Part):
    """From this share to that one of an order of `source` that no seed changes: 0 to 0.5 and 0.5 to 1 are two
    halves.

    source: what they are taken from. start, stop: shares of it; start < stop.
    """

    source: Source
    start: bounds.Share = 0.0
    stop: bounds.Share = 0.5

    def __post_init__(self):
        if not self.start < self.stop:
            raise UserError(f"share: from {self.start} to {self.stop}; expected start < stop")

    def chosen(self):
        count = len(self.source)
        order = generator(0, "share").permutation(count)
        return np.sort(order[round(self.start * count) : round(self.stop * count)])


@dataclass(frozen=True)
class WithoutClasses(Part):
    """The records of `source` whose class is not called by a name of the list in `names` (JSON): ImageNet-22K without
    1K's are the 21K. Of several classes of one name all go. Raises UserError for a name that no class has.

    source: what they are taken from. names: a JSON file with the list of the classes' names that go.
    """

    source: Source
    names: str
    why = "its class is left out"
    places = ("names",)

    def chosen(self):
        excluded, known = set(read_class_names(self.names, part=True)), self.source.class_names
        unknown = sorted(excluded - set(known))
        if unknown:
            raise UserError(
                f"without_classes: {self.names} excludes {unknown[0]!r}, which none of the {len(known)} classes is "
                "called; write names as the source does"
            )
        gone = [number for number, name in enumerate(known) if name in excluded]
        return np.flatnonzero(~np.isin(self.source.labels(), gone))

    def identity(self):
        return {**super().identity(), "names": of_file(self.names)}
