"""The one training loop. It knows a method's views and terms and an engine's `backward` and `update`, nothing else."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path

from tandemclip.core.config import Config
from tandemclip.core.data.loader import Batches, batches
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.evaluate import evaluate
from tandemclip.core.model import Model
from tandemclip.core.training import checkpoint
from tandemclip.core.training.engine import Engine, Rates
from tandemclip.core.training.journal import Journal
from tandemclip.core.training.progress import Progress


@dataclass
class Trainer:
    """A run that stands at `step`. state: what every checkpoint carries beside weights and moments.

    resumed: goes on in the same folder, whose journal may have rows already. stop: asked after every step; True ends the run
    there, with a checkpoint (Ctrl-C).
    """

    run: Path
    config: Config
    engine: Engine
    tokenizer: object
    state: dict
    step: int = 0
    resumed: bool = False
    stop: Callable[[], bool] = lambda: False

    def __post_init__(self):
        self.source, self.settings = self.config.data.train, self.config.training
        self.schedule = self.settings.schedule(len(self.source))

    def train(self, max_steps: int | None = None) -> dict[str, float]:
        """Go on to the end of the schedule, or to `max_steps` of it; returns its evaluation (empty if stopped before)."""
        last = min(self.schedule.steps, max_steps or self.schedule.steps)
        saved = self.step if self.step else None
        if self.step >= last:
            return self._evaluate()
        with (
            Journal(self.run, self.step if self.resumed else None) as journal,
            Progress(last, self.step, every=max(1, last // 40)) as progress,
            self.batches(last) as stream,
        ):
            mark = time.perf_counter()
            for batch in stream:
                waited = time.perf_counter() - mark
                row = self._update(batch)
                row |= {"step_seconds": time.perf_counter() - mark, "data_seconds": waited}
                progress.update(row, self.settings.batch_size)
                if self._due(self.settings.evaluate_every) and self.step < last:
                    row["evaluation"] = self._evaluate()
                journal.append(row)
                if self._due(self.settings.checkpoint_every):
                    self._save()
                    saved = self.step
                if self.stop():
                    break
                mark = time.perf_counter()
        if saved != self.step:
            self._save()
        return {} if self.stop() else self._evaluate()

    def measure(self, steps: int) -> float:
        """Seconds a step takes, by `steps` of them (the first one, which compiles, left out); changes the weights."""
        step, marks = self.step, []
        with self.batches(self.step + steps) as stream:
            for batch in stream:
                self._update(batch)
                marks.append(time.perf_counter())
        self.step = step
        return (marks[-1] - marks[0]) / (len(marks) - 1)

    def batches(self, last: int) -> Batches:
        return batches(
            self.source,
            self.config.method.views(),
            self.tokenizer,
            batch_size=self.settings.batch_size,
            seed=self.settings.seed,
            start_step=self.step,
            stop_step=last,
            workers=self.config.data.workers,
        )

    def _update(self, batch) -> dict:
        """One step: terms and gradients, both checked before anything changes, then the update."""
        rate = self.schedule(self.step)
        backward = self.engine.backward(batch, self.step / max(1, self.schedule.steps - 1))
        self._check_finite(backward)
        clip = self.settings.clip
        factor = 1.0 if clip is None or backward.norm <= clip else clip / backward.norm
        corrections = self.settings.update.corrections(self.step + 1)
        change = self.engine.update(backward, Rates(rate, *corrections, factor))
        self.step += 1
        terms = dict(backward.terms)
        return {
            "step": self.step,
            "loss": terms.pop("loss"),
            "logit_scale": terms.pop("logit_scale", None),
            "terms": terms,
            "gradient_norm": backward.norm,
            "update_norm": change,
            "learning_rate": rate,
        }

    def _check_finite(self, backward) -> None:
        wrong = [name for name, value in {**backward.terms, "gradient norm": backward.norm}.items() if not math.isfinite(value)]
        if wrong:
            size = self.settings.batch_size
            positions = range(self.step * size, (self.step + 1) * size)
            keys = [self.source[self.source.order(position, self.settings.seed)].key for position in positions]
            raise UserError(
                f"step {self.step + 1}: {', '.join(wrong)} is not finite, nothing was updated; the batch held "
                f"{', '.join(keys)}; look at these samples, or lower training.learning_rate and --resume"
            )

    def _due(self, every: int) -> bool:
        return bool(every) and self.step % every == 0

    def _evaluate(self) -> dict[str, float]:
        source = self.config.data.evaluate
        return {} if source is None else evaluate(Model(self.engine, self.config.method, self.tokenizer), source)

    def _save(self) -> None:
        # the position in the data is the step: order and draws are functions of it
        versions = {name: _version(name) for name in ("tandemclip", self.engine.name, "numpy")}
        state = {**self.state, "engine": self.engine.name, "versions": versions}
        checkpoint.save(self.run, self.step, self.engine.weights(), self.engine.moments(), state)


def _version(package: str) -> str | None:
    """None for what was not installed as a package (an engine of one's own)."""
    try:
        return installed(package)
    except PackageNotFoundError:
        return None
