"""Batches: records in the run's order, turned into the arrays that a method asks for, by grain's workers.

Equal for any number of workers and from any step on: which record stands at a position, and every random number of its
views, are pure functions of (seed, position).
"""

import logging
from collections.abc import Iterator, Set
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np

from tandemclip.core.data.loading.stream import Stream
from tandemclip.core.data.loading.workers import check_shared_memory
from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.views.view import View, batch_arrays
from tandemclip.core.errors import UserError
from tandemclip.core.random import generator

TOLERATED = 10  # broken records, and
TOLERATED_SHARE = 0.001  # of all records read: a run stops beyond both
REPLACEMENTS = 30  # records that are read for one position
PLACES = 1000  # of the order of replacements, looked at for one position: a batch may need all good records but a few


@dataclass(frozen=True)
class _Load:
    """Runs in the workers: step -> (arrays of the batch, the broken records as (key, why))."""

    source: Source
    views: dict[str, View]
    tokenizer: object
    batch_size: int
    seed: int
    rank: int
    ranks: int
    bad: frozenset[int]

    def __call__(self, step: int) -> tuple[dict[str, np.ndarray], list[tuple[str, str]]]:
        batch, broken, _ = self.read(step)
        return batch, broken

    def read(self, step: int) -> tuple[dict[str, np.ndarray], list[tuple[str, str]], list[str]]:
        """As above, with the keys of the records that make up the batch."""
        rows = self.batch_size // self.ranks
        batch = _empty(self.views, rows)
        broken: list[tuple[str, str]] = []
        numbers, first = self._numbers(step), self.rank * rows
        position, taken, own = step * self.batch_size + first, set(numbers), numbers[first : first + rows]
        keys = [self._fill(batch, row, position + row, own[row], taken, broken) for row in range(rows)]
        return batch, broken, keys

    def _numbers(self, step: int) -> list[int]:
        """Of the records in the batch of all ranks, those replaced that are known to be bad."""
        positions = range(step * self.batch_size, (step + 1) * self.batch_size)
        numbers = [self.source.order(position, self.seed) for position in positions]
        if self.bad:
            taken = set(numbers)
            for row, number in enumerate(numbers):
                if number in self.bad:
                    numbers[row] = next(self._others(positions[row], taken), number)
                    taken.add(numbers[row])
        return numbers

    def _others(self, position: int, taken: Set[int]) -> Iterator[int]:
        """What may replace the record of this position: nothing that stands in the batch already, a negative of itself.

        No two positions of a batch look at the same place of that order.
        """
        for attempt in range(PLACES):
            number = self.source.order(position + attempt * self.batch_size, self.seed, "replacement")
            if number not in self.bad and number not in taken:
                yield number

    def _fill(self, batch, row: int, position: int, own: int, taken: Set[int], broken: list) -> str:
        """Writes the record of this position, or the first whole one of those that may replace it."""
        tried: list[tuple[str, str]] = []
        for number in chain(() if own in self.bad else (own,), islice(self._others(position, taken), REPLACEMENTS)):
            try:
                record = self.source[number]
                _write(batch, row, record, self.views, self.tokenizer, self.seed, position)
                broken.extend(tried)
                return record.key
            except BrokenRecord as error:
                tried.append((error.key, error.why))
        listed = "; ".join(f"{key}: {why}" for key, why in tried[-TOLERATED:]) or "known to be bad"
        if len(tried) < REPLACEMENTS:
            raise UserError(
                f"position {position} of the data: {max(1, len(tried))} records in turn cannot be used ({listed}), and "
                "all others stand in its batch already; repair the data, or take a smaller training.batch_size"
            )
        raise UserError(
            f"position {position} of the data: {len(tried)} records in turn cannot be used ({listed}); "
            "repair the data, or ask for views that it has"
        )


class Batches:
    """Iterator over the batches [start_step, stop_step): {name: array [batch_size / ranks, ...]}.

    `broken` lists the keys of the records that were replaced so far. More than 10 and more than 0.1% of those read stop
    the run with a UserError. `close()` ends the workers; so does the end of a `with` block.
    """

    def __init__(self, load: _Load, start_step: int, stop_step: int, workers: int):
        self._stream = Stream(load, start_step, stop_step, workers)
        self.broken: list[str] = []
        self._reasons: list[str] = []
        self._rows = load.batch_size // load.ranks
        self._read = 0
        self._load = load

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        return self

    def __next__(self) -> dict[str, np.ndarray]:
        batch, broken = next(self._stream)
        self._read += self._rows
        for key, why in broken:
            logging.getLogger(__name__).warning("broken record %s: %s; another one takes its place", key, why)
            self.broken.append(key)
            self._reasons.append(f"{key}: {why}")
        if len(self.broken) > TOLERATED and len(self.broken) > TOLERATED_SHARE * self._read:
            raise UserError(
                f"{len(self.broken)} of the first {self._read} records are broken, more than {TOLERATED} and more than "
                f"{TOLERATED_SHARE:.1%}; repair them, or let `tandemclip prepare check` list all of them for "
                "data.bad_records: " + "; ".join(self._reasons)
            )
        return batch

    def replaced(self) -> str:
        """What became of `broken`, for people."""
        keys = list(dict.fromkeys(self.broken))
        named = ", ".join(keys[:TOLERATED]) + (", ..." if keys[TOLERATED:] else "")
        return f"{len(keys)} broken records met, {len(self.broken)} times, and others read in their place: {named}"

    def keys(self, step: int) -> list[str]:
        """What stands in the batch of this step (this rank's part), replacements included; reads it again."""
        return self._load.read(step)[2]

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> "Batches":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def batches(
    source: Source,
    views: dict[str, View],
    tokenizer,
    *,
    batch_size: int,
    seed: int,
    start_step: int,
    stop_step: int,
    workers: int = 0,
    rank: int = 0,
    ranks: int = 1,
    bad: frozenset[int] = frozenset(),
) -> Batches:
    """The training batches of these steps. batch_size is the global one: each rank gets its batch_size / ranks rows.

    bad: numbers of records that are replaced unread, as if they had been found broken, and are not counted
    (`bad_records`). workers: processes that load; 0: a thread of this one. Worker processes import the module that was
    started as a program: it must import an engine only within its functions.
    """
    if batch_size % ranks:
        raise UserError(f"batch_size {batch_size} cannot be divided among {ranks} ranks; choose a multiple of {ranks}")
    if workers:
        check_shared_memory(views, batch_size // ranks, workers)
    len(source)  # indexes what has to be indexed once, here, and not in every worker
    load = _Load(source, dict(views), tokenizer, batch_size, seed, rank, ranks, bad)
    return Batches(load, start_step, stop_step, workers)


def evaluation_batches(
    source: Source, views: dict[str, View], tokenizer, batch_size: int, workers: int = 0
) -> Iterator[tuple[dict[str, np.ndarray], list[tuple[str, ...]]]]:
    """All records in the source's own order, as (batch, the captions of each of its records).

    The last batch has what is left. workers: as in `batches`; the order and what comes are the same for any number. A
    broken record is a UserError: a result on other data than asked for would be no result.
    """
    count = len(source)  # indexes what has to be indexed once, here
    if workers:
        check_shared_memory(views, batch_size, workers)
    stream = Stream(_LoadInOrder(source, dict(views), tokenizer, batch_size), 0, -(-count // batch_size), workers)
    try:
        yield from stream
    finally:
        stream.close()


@dataclass(frozen=True)
class _LoadInOrder:
    source: Source
    views: dict[str, View]
    tokenizer: object
    batch_size: int

    def __call__(self, step: int) -> tuple[dict[str, np.ndarray], list[tuple[str, ...]]]:
        start = step * self.batch_size
        stop = min(start + self.batch_size, len(self.source))
        batch = _empty(self.views, stop - start)
        return batch, [self._fill(batch, number - start, number) for number in range(start, stop)]

    def _fill(self, batch, row: int, number: int) -> tuple[str, ...]:
        try:
            record = self.source[number]
            _write(batch, row, record, self.views, self.tokenizer, 0, number)
        except BrokenRecord as error:
            raise UserError(f"evaluation: record {error}; repair it or take it out of the data") from error
        return record.captions


def _empty(views: dict[str, View], rows: int) -> dict[str, np.ndarray]:
    return {name: np.empty(shape, dtype) for name, (shape, dtype) in batch_arrays(views, rows).items()}


def _write(batch, row: int, record, views, tokenizer, seed: int, position: int) -> None:
    for name, view in views.items():
        found = view(record, generator(seed, position, name), tokenizer)
        _check_declared(name, view, found)
        for suffix, array in found.items():
            batch[name + suffix][row] = array


def _check_declared(name: str, view: View, found: dict[str, np.ndarray]) -> None:
    """The rows of a batch are not cleared: what a view left out would be whatever was in memory.

    numpy would stretch another shape, and cast another dtype.
    """
    declared = {suffix: (tuple(shape), np.dtype(dtype)) for suffix, (shape, dtype) in view.arrays().items()}
    given = {suffix: (np.shape(array), np.asarray(array).dtype) for suffix, array in found.items()}
    described = lambda kind: "nothing" if kind is None else f"{kind[1]} {list(kind[0])}"
    for suffix in {**declared, **given}:
        if given.get(suffix) != declared.get(suffix):
            raise UserError(
                f"the view {name!r} ({type(view).__name__}) gives {described(given.get(suffix))} for the suffix "
                f"{suffix!r} and declares {described(declared.get(suffix))}; make its arrays() and its __call__ agree"
            )
