"""What a run writes down at every step: RUN/journal.jsonl, which TensorBoard (RUN/tensorboard) and others follow.

A row is one JSON object a line: `step` (updates done, counting this one: 1, 2, ...), `loss`, `terms` (name to value),
`gradient_norm` (null where it overflowed and the update was skipped), `update_norm`, `logit_scale` (as it is learned:
the logarithm of the factor), `learning_rate`, `step_seconds` (the whole step, waiting included), `data_seconds` (the
part of it spent waiting for data), `samples_per_second`, and after some steps, always after the last one, `evaluation`
(metric to percent, null where it means nothing), `chance` (what guessing would get) and `queries` (their number). No
number is NaN or infinite, which JSON does not know: null stands for it.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import numpy as np

from tandemclip.core.errors import UserError
from tandemclip.core.folder_lock import FolderLock
from tandemclip.core.training.reporting.follower import Behind, Follower
from tandemclip.core.training.reporting.reporter import Begun, Reporter, scalars
from tandemclip.core.training.reporting.tensorboard import TensorBoard
from tandemclip.core.whole_file import whole_file

FILE = "journal.jsonl"
LONGEST_ROW = 1 << 20  # bytes


class Journal:
    """Appends rows; a context manager.

    A new run (`resume_step` None) must find no rows. A resumed one goes on after `resume_step`, the step of its
    checkpoint: rows of later steps, which a run wrote between its last checkpoint and its death, are dropped, so that
    each step stands once. Holds the run's folder till it is closed: a second run in there is refused.
    """

    def __init__(
        self,
        run: Path,
        resume_step: int | None = None,
        config: Mapping | None = None,
        reporters: Sequence[type[Reporter]] = (),
        say: Callable[[str], None] = lambda text: print(text, file=sys.stderr),
    ):
        """config: what reporters show beside the rows. reporters: those beside TensorBoard. say: see `Follower`."""
        self.path = Path(run) / FILE
        with _disk_errors(run):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if resume_step is None:
                self._refuse_rows()
            self._lock = FolderLock(self.path.parent, "another process trains in")
            try:
                if resume_step is not None:
                    _trim(self.path, resume_step)
                # Line by line: a killed run loses no finished row.
                self._file = open(self.path, "a", encoding="utf-8", buffering=1)
            except BaseException:
                self._lock.close()
                raise
        plain = json.loads(json.dumps(config or {}))  # no tuples, no classes of ours
        begun = Begun(Path(run), plain, resume_step)
        self._followers = [Follower(TensorBoard, begun, say), *(Behind(each, begun, say) for each in reporters)]

    def append(self, row: Mapping) -> None:
        """Write one step: numbers (numpy scalars too) and mappings of numbers by name; `step` is required."""
        with _disk_errors(self.path.parent):
            self._file.write(_json(row) + "\n")
        self._tell(row)

    def amend(self, row: Mapping) -> None:
        """Add what `row` has to the row that was written last. Where that is of another step, nothing is done.

        Whatever kills this, all rows before the last one are as they were.
        """
        if not row.keys() - {"step"}:
            return
        with _disk_errors(self.path.parent), open(self.path, "r+b") as file:
            last = _last_line(file)
            if not last or json.loads(last)["step"] != row["step"]:
                return
            more = _json({key: value for key, value in row.items() if key != "step"})
            # Shorter, then longer: at any moment it is a row, or one that was never finished.
            file.seek(-len("}\n"), os.SEEK_END)
            file.truncate()
            file.write(f", {more[1:]}\n".encode())
        self._tell(row)

    def _tell(self, row: Mapping) -> None:
        numbers = scalars(row)
        for follower in self._followers:
            follower.add(row["step"], numbers)

    def sync(self) -> None:
        """Bring the rows to the disk: before a checkpoint, which would otherwise outlive them in a power failure."""
        with _disk_errors(self.path.parent):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        with ExitStack() as ending, _disk_errors(self.path.parent), closing(self._lock), self._file:
            for follower in self._followers:
                ending.callback(follower.close)
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


def evaluations(run: Path, last: int) -> list[tuple[int, dict[str, float]]]:
    """(step, percent by metric) of every evaluation of a run up to step `last`, in their order.

    Reads no other row: a run of a million steps has few evaluations.
    """
    path = Path(run) / FILE
    if not path.exists():
        return []
    with open(path, "rb") as file:
        rows = [json.loads(line) for line in file if b'"evaluation"' in line and line.endswith(b"\n")]
    number = lambda value: math.nan if value is None else value
    return [
        (row["step"], {name: number(value) for name, value in row["evaluation"].items()})
        for row in rows
        if row["step"] <= last
    ]


def _last_line(file) -> bytes:
    """Of a journal that is open to be read and whole; b"" of an empty one."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - LONGEST_ROW))
    lines = file.read().splitlines()
    return lines[-1] if lines else b""


def _trim(path: Path, last: int) -> None:
    """Keep the rows up to step `last`, all or nothing: a crash in here leaves the old file."""
    rows = [row for row in read(path.parent) if row["step"] <= last]
    with whole_file(path) as file:
        file.writelines(_json(row).encode() + b"\n" for row in rows)


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


def _json(row: Mapping) -> str:
    return json.dumps(_plain(row), allow_nan=False)


def _plain(value):
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (np.generic, np.ndarray)) and value.ndim == 0:
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise TypeError(f"a journal row holds numbers and mappings of numbers, got {type(value).__name__}")
