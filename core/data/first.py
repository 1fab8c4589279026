"""The beginning of a source, as a source: what `--overfit` trains on."""

from dataclasses import dataclass

from tandemclip.core.data.records import Record
from tandemclip.core.data.sources import Source


@dataclass(frozen=True)
class First(Source):
    """The first `count` records (all, where there are fewer) of an order of `source`.

    Of an order, not of the file: a folder of classes would give pictures of its first class only.
    """

    source: Source
    count: int

    def __len__(self) -> int:
        return min(self.count, len(self.source))

    def __getitem__(self, number: int) -> Record:
        if not 0 <= number < len(self):
            raise IndexError(number)
        return self.source[self.source.order(number, 0)]

    @property
    def class_names(self):
        return self.source.class_names

    def class_spaces(self):
        return self.source.class_spaces()

    def texts(self, limit: int):
        """Those of the whole source: the vocabulary is the one that the whole run would have."""
        return self.source.texts(limit)
