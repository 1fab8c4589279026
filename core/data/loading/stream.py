"""Batches made ahead of time, by worker processes or a thread: what training and evaluation have in common."""

import logging
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from absl import flags

from tandemclip.core.data.loading.workers import Stored, death, prepare, signals_held

# grain warns that JAX's profiler is not there, or too old; nobody here asked for it. Workers: tandemclip/__init__.py.
_absl = logging.getLogger("absl")
_level = _absl.level
_absl.setLevel(logging.ERROR)
import grain  # noqa: E402

_absl.setLevel(_level)
# Beside JAX, grain asks absl for this flag. absl gives no value before it has read a command line, and it never reads
# ours; with `present` it gives the default.
PROFILING = "grain_enable_multiprocess_worker_profiling"
if PROFILING in flags.FLAGS:
    flags.FLAGS[PROFILING].present = True

Element = tuple[dict[str, np.ndarray], Any]
_NOTHING: Element = ({}, [])


class Stream:
    """Iterator over make(step) for the steps [start, stop), in their order: pairs (arrays of a batch, anything).

    workers: processes that call `make`; 0: a thread of this one. What `make` raises is raised here. `close()` ends the
    workers; so does the end of the steps.
    """

    def __init__(self, make: Callable[[int], Element], start: int, stop: int, workers: int):
        # One empty batch for each worker stands at the end: grain holds on to the last element of a worker that has
        # ended, and what that has in shared memory would be reported as leaked when the program ends.
        until, files = _Until(stop, make), []
        if workers:
            files = [tempfile.NamedTemporaryFile()]
            until = Stored.write(until, files[0])
        steps = grain.MapDataset.range(start, stop + workers).map(until)
        # One thread a process: decoding and drawing hold Python's lock often enough that more threads do not help.
        batches = steps.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=2))
        if workers:
            options = grain.MultiprocessingOptions(num_workers=workers, per_worker_buffer_size=2)
            batches = batches.mp_prefetch(options, worker_init_fn=prepare).map(_own)
            batches = grain.experimental.ThreadPrefetchIterDataset(batches, prefetch_buffer_size=1)
        with signals_held() if workers else nullcontext():
            self._running = [iter(batches), *files]
            if workers:
                self._running[0].start_prefetch()
        # Also where nobody closes it: grain's threads and processes must end before the interpreter does.
        self._end = weakref.finalize(self, _end, self._running)

    def __iter__(self) -> Iterator[Element]:
        return self

    def __next__(self) -> Element:
        element = self._next() if self._running else _NOTHING
        if not element[0]:
            self.close()
            raise StopIteration
        return element

    def _next(self) -> Element:
        try:
            return next(self._running[0], _NOTHING)
        except RuntimeError as error:
            told = death(error)
            if told is None:
                raise
            self.close()
            raise told from error

    def close(self) -> None:
        self._end()


def _end(running: list) -> None:
    for item in running:
        item.close()
    running.clear()


@dataclass(frozen=True)
class _Until:
    """The batches before step `stop`, then empty ones."""

    stop: int
    make: Callable[[int], Element]

    def __call__(self, step: int) -> Element:
        return self.make(int(step)) if step < self.stop else _NOTHING


def _own(element: Element) -> Element:
    """Out of shared memory, whose blocks and open files would otherwise live as long as somebody holds the batch."""
    batch, more = element
    return {name: np.array(array, subok=False) for name, array in batch.items()}, more
