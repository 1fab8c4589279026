"""What a person watching a comparison sees: a table of its cells on a terminal, plain lines elsewhere."""

from __future__ import annotations

import re
import sys
import time
from datetime import timedelta

from rich.console import Console
from rich.live import Live
from rich.table import Table

from tandemclip.core.comparison.cells import Cell
from tandemclip.core.figures import in_percent

STEP = re.compile(r"step (\d+)/(\d+) ")  # how core/training/progress.py begins a line


class Board:
    """A row a cell: what it is doing, then its figures. A context manager.

    clock: seconds, from anywhere.
    """

    def __init__(self, cells: list[Cell], metrics: list[str], console: Console | None = None, clock=time.monotonic):
        self._console = console or Console(file=sys.stdout, highlight=False)
        self._metrics, self._clock = metrics, clock
        self._state: dict[Cell, str] = dict.fromkeys(cells, "")
        self._figures: dict[Cell, list[float]] = {}
        self._seconds: dict[Cell, float] = {}  # of training, finished or foreseen
        self._waiting = list(cells)
        self._running: Cell | None = None
        self._mark: tuple[int, float] | None = None  # of the running cell: the first step seen, and when
        self._left: float | None = None  # of the running cell
        self._live = Live(get_renderable=self._table, console=self._console, auto_refresh=False)

    def begin(self, cell: Cell) -> None:
        self._waiting.remove(cell)
        self._running, self._mark, self._left = cell, None, None
        self._say(cell, "starting")

    def show(self, line: str) -> None:
        """A line that the running cell printed."""
        self._state[self._running] = line
        if found := STEP.search(line):
            step, steps = map(int, found.groups())
            self._mark = self._mark or (step, self._clock())
            if step > self._mark[0]:
                a_step = (self._clock() - self._mark[1]) / (step - self._mark[0])
                self._seconds[self._running], self._left = steps * a_step, (steps - step) * a_step
        self._refresh()

    def finish(self, cell: Cell, figures: list[float], seconds: float) -> None:
        """figures: percent, one for each metric. Also of a cell that was finished before."""
        self._figures[cell], self._seconds[cell] = figures, seconds
        named = "  ".join(f"{metric} {in_percent(value)}" for metric, value in zip(self._metrics, figures))
        self._say(cell, f"{named}  after {seconds / 60:.1f} minutes")
        self._state[cell] = f"{seconds / 60:.1f} minutes"
        self._done(cell)

    def fail(self, cell: Cell, why: str) -> None:
        self._say(cell, f"failed: {why}")
        self._seconds.pop(cell, None)
        self._done(cell)

    def _done(self, cell: Cell) -> None:
        if cell is self._running:
            self._running = None
        else:
            self._waiting.remove(cell)
        self._refresh()

    def left(self) -> timedelta | None:
        """Until all cells are trained, evaluation left out; None before the first one is under way.

        A cell that waits is taken to last as long as others of its configuration, or else as all others.
        """
        if not self._seconds or self._running and self._left is None:
            return None
        seconds = self._left if self._running else 0.0
        for cell in self._waiting:
            like = [s for other, s in self._seconds.items() if other.name == cell.name] or list(self._seconds.values())
            seconds += sum(like) / len(like)
        return timedelta(seconds=round(seconds))

    def _say(self, cell: Cell, text: str) -> None:
        self._state[cell] = text
        if not self._console.is_terminal:
            self._console.print(f"{cell.name}, seed {cell.seed}: {text}", soft_wrap=True)
        self._refresh()

    def _table(self) -> Table:
        left = self.left()
        table = Table(
            "",
            "seed",
            *(f"{metric}, %" for metric in self._metrics),
            "",
            caption=f"about {left} left" if left else None,
        )
        for cell, state in self._state.items():
            figures = [in_percent(value).rstrip("%") for value in self._figures.get(cell, ())] or [""] * len(
                self._metrics
            )
            table.add_row(cell.name, str(cell.seed), *figures, state)
        return table

    def _refresh(self) -> None:
        if self._console.is_terminal:
            self._live.refresh()

    def __enter__(self) -> Board:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exception) -> None:
        self._live.stop()
