"""What the loader asks of any source of records. Anybody can write another one."""

from collections.abc import Iterator
from typing import Protocol

from tandemclip.core.data.records import Record


class Source(Protocol):
    """Random access to records. A source is pickled and sent to worker processes: hold files open lazily."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Record:
        """Raises BrokenRecord where this one cannot be read."""

    def texts(self, limit: int) -> Iterator[str]:
        """Captions, summaries and phrases of at most `limit` records, to train a tokenizer on; the same every time."""
