"""What a run writes down at every step: RUN/journal.jsonl, mirrored to TensorBoard under RUN/tensorboard.

A row is one JSON object a line: `step` (updates done, counting this one: 1, 2, ...), `loss`, `terms` (name to value),
`gradient_norm` (null where it overflowed and the update was skipped), `update_norm`, `logit_scale`, `learning_rate`,
`step_seconds` (the whole step, waiting included) and `data_seconds` (the part of it spent waiting for data). After an
evaluation also `evaluation` (metric to percent), `chance` (what guessing would get) and `queries` (their number).
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from tandemclip.core.errors import UserError
from tandemclip.core.whole_file import whole_file

FILE = "journal.jsonl"


class Journal:
    """Appends rows; a context manager.

    A new run (`resume_step` None) must find no rows. A resumed one goes on after `resume_step`, the step of its
    checkpoint: rows of later steps, which a run wrote between its last checkpoint and its death, are dropped, so that
    each step stands once. Holds the run's folder till it is closed: a second run in there is refused.
    """

    def __init__(self, run: Path, resume_step: int | None = None):
        self.path = Path(run) / FILE
        with _disk_errors(run):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if resume_step is None:
                self._refuse_rows()
            self._lock = _FolderLock(self.path.parent)
            try:
                if resume_step is not None:
                    _trim(self.path, resume_step)
                # Line by line: a killed run loses no finished row.
                self._file = open(self.path, "a", encoding="utf-8", buffering=1)
                self._events = _EventFile(Path(run) / "tensorboard", first_step=(resume_step or 0) + 1)
            except BaseException:
                self._lock.close()
                raise

    def append(self, row: Mapping) -> None:
        """Write one step: numbers (numpy scalars too) and mappings of numbers by name; `step` is required."""
        with _disk_errors(self.path.parent):
            self._file.write(json.dumps(row, default=_plain) + "\n")
            self._events.add(row["step"], row)

    def sync(self) -> None:
        """Bring the rows to the disk: before a checkpoint, which would otherwise outlive them in a power failure."""
        with _disk_errors(self.path.parent):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        with _disk_errors(self.path.parent), closing(self._events), self._file, closing(self._lock):
            os.fsync(self._file.fileno())

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def _refuse_rows(self) -> None:
        if self.path.exists() and self.path.stat().st_size:
            raise UserError(
                f"{self.path} already holds a run's rows and this run is a new one: continue with --resume, or choose"
                " another --out"
            )


def read(run: Path) -> list[dict]:
    """All rows of a run in order, [] when there are none. A last line torn by a crash is left out."""
    path = Path(run) / FILE
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            rows.append(json.loads(line))
        except ValueError as error:
            if number == len(lines):  # no newline after it: never finished
                break
            raise UserError(f"{path} line {number} is not JSON ({error}): remove the line") from error
    return rows


class _FolderLock:
    """A lock on a folder, until `close` or the end of the process. A file system without locks gives none."""

    def __init__(self, run: Path):
        self._descriptor = os.open(run, os.O_RDONLY)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise UserError(f"another process trains in {run}; wait until it ends, or choose another --out") from error
        except OSError:
            pass

    def close(self) -> None:
        os.close(self._descriptor)


def _trim(path: Path, last: int) -> None:
    """Keep the rows up to step `last`, all or nothing: a crash in here leaves the old file."""
    rows = [row for row in read(path.parent) if row["step"] <= last]
    with whole_file(path) as file:
        file.writelines(json.dumps(row).encode() + b"\n" for row in rows)


@contextmanager
def _disk_errors(run: Path) -> Iterator[None]:
    """Turns what the disk refuses (full, read-only) into a UserError."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"the journal of {run} could not be written ({error.strerror or error}); checkpoints are untouched: make "
            "the folder writable, free some space, then continue with --resume"
        ) from error


def _plain(value):
    if isinstance(value, (np.generic, np.ndarray)) and value.ndim == 0:
        return value.item()
    raise TypeError(f"a journal row holds numbers and mappings of numbers, got {type(value).__name__}")


def _scalars(row: Mapping, prefix: str = "") -> Iterator[tuple[str, float]]:
    """(tag, value) of every number; {"terms": {"image": 1.0}} gives "terms/image"."""
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _scalars(value, f"{prefix}{name}/")
        elif not isinstance(value, str) and value is not None and f"{prefix}{name}" != "step":
            yield f"{prefix}{name}", float(value)


class _EventFile:
    """A TensorBoard event file; unlike tensorboard's EventFileWriter, it loads no TensorFlow that is installed."""

    def __init__(self, folder: Path, first_step: int):
        folder.mkdir(parents=True, exist_ok=True)
        self._file = open(folder / f"events.out.tfevents.{time.time_ns()}.{os.getpid()}", "wb")
        self._records = RecordWriter(self._file)
        self._add(Event(wall_time=time.time(), file_version="brain.Event:2"))
        # START makes TensorBoard forget what earlier files hold of this and later steps.
        self._add(Event(wall_time=time.time(), step=first_step, session_log=SessionLog(status=SessionLog.START)))

    def add(self, step: int, row: Mapping) -> None:
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in _scalars(row)]
        self._add(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    def _add(self, event: Event) -> None:
        self._records.write(event.SerializeToString())
        self._records.flush()

    def close(self) -> None:
        self._records.close()
