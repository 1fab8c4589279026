"""What the loader asks of any source of records. Anybody can write another one."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

from tandemclip.core.data.order import index
from tandemclip.core.data.records import Record


class Source(ABC):
    """Random access to records. A source is pickled and sent to worker processes: hold files open lazily."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int) -> Record:
        """Raises BrokenRecord where this one cannot be read."""

    def order(self, position: int, seed: int, stream: str = "order") -> int:
        """The record at this place of a run: shuffled, every epoch of len(self) places has each once."""
        return index(position, len(self), seed, stream)

    @abstractmethod
    def texts(self, limit: int) -> Iterator[str]:
        """Captions, summaries and phrases of at most `limit` records, to train a tokenizer on; the same every time."""
