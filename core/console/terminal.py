"""What is shown of long work: a bar where the output is a terminal; whoever derives from it prints lines elsewhere."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import ProgressColumn


class OnTerminal:
    """A context manager. `_bar` with its one `_task`, or None where the output is no terminal."""

    def __init__(self, columns: tuple[ProgressColumn, ...], what: str, total: int, done: int, console: Console | None):
        self._console = console or Console(file=sys.stdout, highlight=False)
        self._bar = Bar(*columns, console=self._console) if self._console.is_terminal else None
        if self._bar is not None:
            self._task = self._bar.add_task(what, total=total, completed=done)

    def __enter__(self):
        if self._bar is not None:
            self._bar.start()
        return self

    def say(self, text: str) -> None:
        """A line of its own, above the bar."""
        self._console.print(text, soft_wrap=True, markup=False)

    def __exit__(self, *exception) -> None:
        if self._bar is not None:
            self._bar.stop()
