"""The processes that load: what they need before they start, what they do first, and how their end is told."""

import multiprocessing
import os
import pickle
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import resource_tracker
from pathlib import Path

import cv2
import numpy as np

from tandemclip.core.data.views.view import View, batch_arrays
from tandemclip.core.errors import UserError

HINTS = {signal.SIGKILL: ", by somebody or because memory ran out", signal.SIGBUS: ", mostly because /dev/shm is full"}


def check_shared_memory(views: dict[str, View], rows: int, workers: int) -> None:
    """Workers hand batches over in /dev/shm; where it is too small (64 MB in a container) they die without a word."""
    needed = sum(int(np.prod(shape)) * dtype.itemsize for shape, dtype in batch_arrays(views, rows).values())
    needed *= 5 * workers  # two ready at each end of the queue, one in the making
    place = Path("/dev/shm")
    if place.is_dir() and shutil.disk_usage(place).free < needed:
        raise UserError(
            f"/dev/shm has {shutil.disk_usage(place).free >> 20} MB free, {workers} workers need {needed >> 20} MB; "
            "enlarge it (docker run --shm-size=...), take fewer workers, or workers: 0"
        )


@dataclass(frozen=True)
class Stored:
    """A function of one argument that lies in a file, for workers to read.

    What a starting process is sent goes through a pipe of 64 KB: with more (a tokenizer is) its parent waits until it
    is read, and for ever where the process dies before.
    """

    path: str

    @classmethod
    def write(cls, function: Callable, file) -> "Stored":
        pickle.dump(function, file)
        file.flush()
        return cls(file.name)

    @cached_property
    def _function(self) -> Callable:
        return pickle.loads(Path(self.path).read_bytes())

    def __call__(self, argument):
        return self._function(argument)


@contextmanager
def signals_held() -> Iterator[None]:
    """Threads and processes that start in here never see Ctrl-C, SIGTERM and SIGHUP.

    Terminals and schedulers send them to every process of a run; what comes of them is for the one that trains to say.
    """
    held = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        # Python's keeper of shared memory starts with the first worker and ignores all but SIGHUP; it lets the other
        # two through again to those that start behind it
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, held)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def prepare(worker: int, workers: int) -> None:
    """The first thing that a worker runs."""
    cv2.setNumThreads(0)  # parallel by processes already
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Where the program was killed, grain's workers would wait for room in their queue for ever."""
    multiprocessing.parent_process().join()
    os._exit(1)


def death(error: RuntimeError) -> UserError | None:
    """What grain says of a worker that has died, as one line; None for any other error."""
    found = re.search(r"Worker process was terminated unexpectedly with exit code (-?\d+)", str(error))
    if found is None:
        return None
    code = int(found[1])
    cause = f"exit code {code}, its own message is above"
    if code < 0:
        cause = f"signal {-code}, {signal.strsignal(-code)}{HINTS.get(-code, '')}"
    return UserError(
        f"a worker that loads data died ({cause}); go on with --resume, with fewer data.workers where memory is short; "
        "data.workers=0 shows what else it was"
    )
