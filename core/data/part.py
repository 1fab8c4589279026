"""Parts of a source, as sources: halves of a data set, a data set without some of its classes."""

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from tandemclip.core.data.records import Record
from tandemclip.core.data.sources import Source
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.prompts import read_class_names


@dataclass(frozen=True)
class Share(Source):
    """From this share to that one of an order of `source` that no seed changes: 0 to 0.5 and 0.5 to 1 are two halves."""

    source: Source
    start: float = 0.0
    stop: float = 0.5

    def __post_init__(self):
        if not 0 <= self.start < self.stop <= 1:
            raise UserError(f"share: from {self.start} to {self.stop}; expected 0 <= start < stop <= 1")

    @property
    def _ends(self) -> tuple[int, int]:
        return round(self.start * len(self.source)), round(self.stop * len(self.source))

    def __len__(self) -> int:
        return self._ends[1] - self._ends[0]

    def __getitem__(self, number: int) -> Record:
        if not 0 <= number < len(self):
            raise IndexError(number)
        return self.source[self.source.order(self._ends[0] + number, 0, "share")]

    def texts(self, limit: int):
        return self.source.texts(limit)

    @property
    def class_names(self):
        return self.source.class_names

    def class_spaces(self):
        return self.source.class_spaces()


@dataclass(frozen=True)
class WithoutClasses(Source):
    """The records of `source` whose class is not called by a name of the list in `names` (JSON): ImageNet-22K without 1K's are
    the 21K. Classes keep their numbers. Raises UserError for a name that no class has."""

    source: Source
    names: str

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, number: int) -> Record:
        if not 0 <= number < len(self):
            raise IndexError(number)
        return self.source[int(self._kept[number])]

    def texts(self, limit: int):
        return self.source.texts(limit)

    @property
    def class_names(self):
        return self.source.class_names

    @cached_property
    def _kept(self) -> np.ndarray:
        """[records left] int32"""
        numbers = {name: number for number, name in enumerate(self.source.class_names)}
        excluded = read_class_names(self.names)
        unknown = [name for name in excluded if name not in numbers]
        if unknown:
            raise UserError(
                f"without_classes: {self.names} excludes {unknown[0]!r}, which none of the {len(numbers)} classes is called; "
                "write names as the source does"
            )
        labels = self.source.labels()
        return np.flatnonzero(~np.isin(labels, [numbers[name] for name in excluded])).astype(np.int32)

    def __getstate__(self) -> dict:
        return {field.name: getattr(self, field.name) for field in fields(self)} | {"_kept": self._kept}
