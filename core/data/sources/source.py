"""What the loader asks of any source of records. Anybody can write another one."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from tandemclip.core.data.account import Account
from tandemclip.core.data.records import BrokenRecord, Record
from tandemclip.core.data.sources.order import index
from tandemclip.core.identity import Identity, of_bytes


class Source(ABC):
    """Random access to records. A source is pickled and sent to worker processes: hold files open lazily."""

    places: ClassVar[tuple[str, ...]] = ()  # fields that say where something lies, whose content `identity` compares
    class_names: tuple[str, ...] = ()  # in the order of their labels
    multi_label: bool = False  # its records say of each class whether it is there (`Record.present`), and have no label
    categories: tuple[str, ...] = ()  # of the objects, in the data set's own order; () where it has none
    # {attribute of the records, or "class" for their label: [the texts of each class]}, for zero-shot classification
    prompts: Mapping[str, list[list[str]]] = MappingProxyType({})

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int) -> Record:
        """Raises BrokenRecord where this one cannot be read."""

    def account(self) -> tuple[Account, ...]:
        """What was read and what was passed over, as far as that is known without decoding a picture."""
        return (Account(type(self).__name__, "records", len(self), len(self)),)

    def identity(self) -> dict[str, Identity]:
        """{part: its content}, so that a run goes on with the data that it began with: names, sizes, a table's bytes.

        It knows what the index knows, and lets no picture be read. Where data lie decides nothing: a folder that has
        moved is the same data. A source that says nothing of its own is known by how many records it has.
        """
        return {"records": of_bytes([b"%d" % len(self)], type(self).__name__, len(self), "records")}

    @property
    def epoch(self) -> int:
        """How many places of the order are an epoch."""
        return len(self)

    @property
    def distinct(self) -> int:
        """How many places from the start of the order on have a record each of its own."""
        return len(self)

    def order(self, position: int, seed: int, stream: str = "order") -> int:
        """The record at this place of a run: shuffled, every epoch of len(self) places has each once."""
        return index(position, len(self), seed, stream)

    @property
    def listed_classes(self) -> tuple[str, ...]:
        """What its classes are called, by number, where all are of one list; () where nobody says, or of several."""
        named = [names for names in self.class_spaces().values() if names]
        return named[0] if len(named) == 1 else ()

    def class_spaces(self) -> dict[str, tuple[str, ...]]:
        """{Record.classes: what the classes of such records are called}."""
        return {"": self.class_names}

    def labels(self) -> np.ndarray:
        """[len(self)] int32: every record's class, -1 for none, and for those that cannot be read."""
        return np.array([self._label(i) for i in range(len(self))], np.int32)

    def _label(self, index: int) -> int:
        try:
            label = self[index].label
        except BrokenRecord:
            return -1
        return -1 if label is None else label

    @abstractmethod
    def texts(self, limit: int) -> Iterator[str]:
        """Captions, summaries and phrases of at most `limit` records, to train a tokenizer on; the same every time."""
