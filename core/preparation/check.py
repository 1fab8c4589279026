"""Read a data set once, as training would, and note what training on it will meet."""

import multiprocessing
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from tandemclip.core.data.account import Tally
from tandemclip.core.data.records import BrokenRecord, Record
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.tokenizers.tokenizer import Tokenizer
from tandemclip.core.data.views.label import hash63
from tandemclip.core.errors import UserError

STRETCH = 256  # records that a process reads before it hands over what it found
# One row for each different caption of a record: its `times` there, `of` so many captions. text: hash of its token ids.
CAPTION = np.dtype([("text", "<u8"), ("record", "<i8"), ("times", "<i4"), ("of", "<i4")])


@dataclass
class Findings:
    """bad: (number, key, why). captions: [rows] CAPTION of the other records, as sizes (height, width), labels
    (space, number) and remarks are theirs.

    empty, cut: captions without a token, and those longer than the context, bad records' too. seconds: spent reading
    and decoding `decoded` images.
    """

    bad: list[tuple[int, str, str]] = field(default_factory=list)
    captions: np.ndarray = field(default_factory=lambda: np.empty(0, CAPTION))
    labels: Counter = field(default_factory=Counter)
    sizes: Counter = field(default_factory=Counter)
    remarks: Tally = field(default_factory=Tally)
    empty: int = 0
    cut: int = 0
    decoded: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Reader:
    """Reads stretches of a source.

    needs_caption: a record without words is bad. Without a tokenizer captions are passed over.
    """

    source: Source
    tokenizer: Tokenizer | None
    context_length: int
    needs_caption: bool

    def __call__(self, numbers: range) -> Findings:
        found, rows = Findings(), []
        for number in numbers:
            start = perf_counter()
            try:
                record = self.source[number]
                size = record.pixels.shape[:2]
                found.seconds += perf_counter() - start
                found.decoded += 1
                rows += self._captions(number, record, found)
            except BrokenRecord as error:
                found.bad.append((number, error.key, error.why))
                continue
            for remark in record.remarks:
                found.remarks.add(remark, record.key)
            found.sizes[size] += 1
            if record.label is not None:
                found.labels[record.classes, record.label] += 1
        found.captions = np.array(rows, CAPTION)
        return found

    def _captions(self, number: int, record: Record, found: Findings) -> list[tuple[int, int, int, int]]:
        if self.tokenizer is None:
            return []
        ids, cut = self.ids(record.captions)
        empty = ids[:, 1] == self.tokenizer.end
        found.cut += int(cut.sum())
        found.empty += int(empty.sum())
        if self.needs_caption and empty.all():
            raise BrokenRecord(record.key, "it has no caption" if not len(ids) else "its captions have no words")
        return [(text, number, times, len(ids)) for text, times in Counter(map(text_hash, ids)).items()]

    def ids(self, captions: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """-> ([captions, context_length] int32 as the model gets them, [captions] bool: cut off there)"""
        ids = self.tokenizer(list(captions), self.context_length + 1)
        cut = ids[:, -1] == self.tokenizer.end
        ids = ids[:, :-1].copy()
        ids[cut, -1] = self.tokenizer.end
        return ids, cut


def text_hash(ids: np.ndarray) -> int:
    """Of token ids [context_length]: captions that are equal to the model, and so are one label, are equal here."""
    return hash63(ids.tobytes())


def stretches(reader: Reader, workers: int) -> Iterator[Findings]:
    """What was found in every `STRETCH` records, in their order; `workers` processes read (0: this one)."""
    count = len(reader.source)
    numbers = [range(start, min(start + STRETCH, count)) for start in range(0, count, STRETCH)]
    if not workers:
        yield from map(reader, numbers)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start, (reader,)) as pool:
        try:
            yield from pool.map(_read, numbers)
        except BrokenProcessPool as error:
            raise UserError(
                "check: a process that reads died, of too little memory or at an image that breaks the decoder; "
                "--set data.workers=0 reads in this one"
            ) from error


def together(parts: list[Findings]) -> Findings:
    whole = Findings()
    for part in parts:
        whole.bad += part.bad
        whole.remarks.merge(part.remarks.counts)
        whole.labels += part.labels
        whole.sizes += part.sizes
        for name in ("empty", "cut", "decoded", "seconds"):
            setattr(whole, name, getattr(whole, name) + getattr(part, name))
    whole.captions = np.concatenate([whole.captions, *(part.captions for part in parts)])
    return whole


_reader: Reader | None = (
    None  # of this worker process: a source that is sent with every stretch opens its files every time
)


def _start(reader: Reader) -> None:
    global _reader
    _reader = reader
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the program's to answer


def _read(numbers: range) -> Findings:
    return _reader(numbers)
