"""What a person sees of a long count: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from tandemclip.core.console.terminal import OnTerminal

LINES = 10  # where the output is no terminal


class Progress(OnTerminal):
    """Counts records up to `total`; a context manager. done: those that an earlier call of the command has done.

    What comes beyond `total` is not counted, as some totals are estimates.
    """

    def __init__(self, what: str, total: int, done: int = 0, console: Console | None = None):
        self._what, self._total, self._first, self._done = what, total, done, done
        self._start = time.monotonic()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        super().__init__(columns, what, total, done, console)

    def advance(self, count: int = 1) -> None:
        before, self._done = self._done, min(self._total, self._done + count)
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done)
        elif self._done * LINES // self._total > before * LINES // self._total:
            seconds = (time.monotonic() - self._start) * (self._total - self._done) / (self._done - self._first)
            left = timedelta(seconds=round(seconds))
            self._console.print(f"{self._what} {self._done}/{self._total}  left {left}", soft_wrap=True)
