"""What a person watching a run sees: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, TextColumn

from tandemclip.core.console.terminal import OnTerminal
from tandemclip.core.figures import in_percent

WINDOW = 50  # steps that rates are averaged over
MEANING = (
    f"samples/s and data %: of the last {WINDOW} steps; data is the share of the time that was spent waiting for data"
)


class Progress(OnTerminal):
    """Shows step, loss, samples/s, the share of time spent waiting for data, and the time left; a context manager.

    steps, start: updates of the whole run, and those already done. every: steps between two lines where the output is
    no terminal (a log of CI would fill up with a bar's redraws); the first and the last step are always shown.
    """

    def __init__(self, steps: int, start: int, every: int, console: Console | None = None):
        self.steps = steps
        self.every = every
        self._first = start + 1
        self._recent = deque(maxlen=WINDOW)  # (samples, seconds, seconds waiting for data)
        super().__init__((BarColumn(bar_width=24), TextColumn("{task.description}")), "", steps, start, console)

    def __enter__(self):
        self.say(MEANING)
        return super().__enter__()

    def update(self, row: Mapping, samples: int) -> None:
        """Show one journal row (`step`, `loss`, `step_seconds`, `data_seconds`) that went over `samples` samples."""
        self._recent.append((samples, row["step_seconds"], row["data_seconds"]))
        step = row["step"]
        if self._bar is not None:
            self._bar.update(self._task, completed=step, description=self._describe(row))
        elif step % self.every == 0 or step in (self._first, self.steps):
            self._console.print(self._describe(row), soft_wrap=True)

    def say_evaluation(self, row: Mapping) -> None:
        """The evaluation in a journal row, if any: it comes while the run goes on."""
        if "evaluation" in row:
            self.say(f"evaluation, step {row['step']}: {figures(row['evaluation'])}")

    def _describe(self, row: Mapping) -> str:
        samples, seconds, waiting = (sum(column) for column in zip(*self._recent))
        left = timedelta(seconds=round((self.steps - row["step"]) * seconds / len(self._recent)))
        return (
            f"step {row['step']}/{self.steps}  loss {row['loss']:.4f}  {samples / seconds:.0f} samples/s"
            f"  data {waiting / seconds:.0%}  left {left}"
        )


def figures(percent: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {in_percent(value)}" for name, value in percent.items())
