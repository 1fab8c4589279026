"""The best evaluation of a run by one metric: which it is, how many came after it, and where its checkpoint lies.

Every figure stands in journal.jsonl, and a run that goes on reads it from there. So an interrupted run has the same
best evaluation as one that was not interrupted, and stops early after the same step.
"""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from tandemclip.core.whole_file import whole_file

NAME = "best"  # RUN/best names the checkpoint that RUN/best.json points to
FILE = f"{NAME}.json"


@dataclass(frozen=True)
class Best:
    metric: str
    percent: float
    step: int


@dataclass
class Standing:
    """evaluations: (step, percent by metric) of a run, in their order. metric: what the best one goes by; None: no best
    is kept. stop_after: so many evaluations without a better one end the run; None: they never do.
    """

    evaluations: list[tuple[int, dict[str, float]]]
    metric: str | None = None
    stop_after: int | None = None

    def add(self, step: int, percent: dict[str, float]) -> bool:
        """Whether this evaluation is the best one now."""
        self.evaluations.append((step, percent))
        return self.is_best(step)

    def is_best(self, step: int) -> bool:
        best = self.best
        return best is not None and best.step == step

    def best_by(self, metric: str) -> Best | None:
        """The highest figure; of equal ones the first. One that is not finite is none."""
        found = [Best(metric, all_[metric], step) for step, all_ in self.evaluations if metric in all_]
        return max((each for each in found if math.isfinite(each.percent)), key=lambda each: each.percent, default=None)

    @property
    def best(self) -> Best | None:
        return None if self.metric is None else self.best_by(self.metric)

    @property
    def since(self) -> int:
        """How many evaluations came after the best one."""
        best = self.best
        return sum(best is None or step > best.step for step, _ in self.evaluations)

    @property
    def exhausted(self) -> bool:
        return self.stop_after is not None and self.since >= self.stop_after

    def measured_at(self, step: int) -> bool:
        return any(step == each for each, _ in self.evaluations)


def point(run: Path, best: Best | None, folder: Path | None) -> None:
    """Make RUN/best.json name `folder`, the checkpoint of `best`, all or nothing. None: there is no such file."""
    path = Path(run) / FILE
    if best is None or folder is None:
        path.unlink(missing_ok=True)
        return
    text = json.dumps({**asdict(best), "checkpoint": str(folder.relative_to(run))}, indent=1).encode() + b"\n"
    if not path.exists() or path.read_bytes() != text:
        with whole_file(path) as file:
            file.write(text)


def pointed(run: Path) -> Path | None:
    """The checkpoint that RUN/best.json names; None where there is no such file."""
    path = Path(run) / FILE
    return Path(run) / json.loads(path.read_bytes())["checkpoint"] if path.exists() else None
