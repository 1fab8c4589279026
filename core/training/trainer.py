"""The one training loop. It knows a method's views and terms and an engine's `backward` and `update`, nothing else."""

import math
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tandemclip.core import figures
from tandemclip.core.console.versions import installed
from tandemclip.core.data.loading import bad_records
from tandemclip.core.data.loading.loader import Batches, batches
from tandemclip.core.data.views.label import LabelView
from tandemclip.core.errors import UserError
from tandemclip.core.statistic import Statistic, percent
from tandemclip.core.training import checkpoint, global_batch, journal, phases
from tandemclip.core.training.best import Standing
from tandemclip.core.training.config import Config
from tandemclip.core.training.diagnosis.advice import Advice
from tandemclip.core.training.engine import Engine, Rates
from tandemclip.core.training.journal import Journal
from tandemclip.core.training.loss_scale import LossScale
from tandemclip.core.training.phases import BEGUN, Phases
from tandemclip.core.training.progress import Progress
from tandemclip.core.training.ranks import total
from tandemclip.core.training.reporting.reporter import Reporter


@dataclass
class Trainer:
    """A run that stands at `step`. state: what every checkpoint carries beside weights and moments.

    Every rank trains; the first one alone writes and evaluates.
    resumed: goes on in the same folder, whose journal may have rows already. stop: asked after every step; True ends
    the run there, with a checkpoint (Ctrl-C). evaluate(config, engine, tokenizer): measures what `data.evaluate` asks;
    None: nothing is evaluated, whatever the configuration says. reporters: those that follow the journal beside
    TensorBoard. spent: steps and seconds of the last call of `train`, its evaluations and checkpoints included.
    """

    run: Path
    config: Config
    engine: Engine
    tokenizer: object
    state: dict
    step: int = 0
    resumed: bool = False
    stop: Callable[[], bool] = lambda: False
    evaluate: Callable[[Config, Engine, object], dict[str, Statistic]] | None = None
    reporters: tuple[type[Reporter], ...] = ()
    spent: tuple[int, float] = field(default=(0, 0.0), init=False)

    def __post_init__(self):
        self.source, self.settings = self.config.data.train, self.config.training
        self.schedule = self.settings.schedule(self.source.epoch)
        self.phases = Phases(self.settings.tuning, self.schedule.steps, phases.from_json(self.state.get(BEGUN)))
        self.loss_scale = LossScale.of(self.settings.precision, self.state.get("loss_scale"))
        self.ranks = self.engine.ranks
        parts = self.ranks.size * self.settings.accumulate
        if self.settings.batch_size % parts:
            raise UserError(
                f"training.batch_size is {self.settings.batch_size}, which {self.ranks.size} ranks with "
                f"{self.settings.accumulate} pieces each cannot divide; make it a multiple of {parts}"
            )
        self._bad = bad_records.read(self.config.data.bad_records, self.source)
        self._check_data()
        before = journal.evaluations(self.run, self.step) if self.leads and self.resumed else []
        self.standing = Standing(before, self.settings.keep.best, self.settings.stop_after)
        self._exhausted = False  # known to every rank once it trains
        self._found: tuple[int, dict[str, Statistic]] = (-1, {})  # the last evaluation, and after which step
        if not self.step:
            self._check_batch()

    def _check_batch(self) -> None:
        """Refuse a batch in which a record would stand twice. What was begun with one goes on: it is the run's own."""
        records, size = self.source.distinct - len(self._bad), self.settings.batch_size
        if records < size:
            fits = f"take training.batch_size={records} or less" if records > 1 else "give more records"
            raise UserError(
                f"training.batch_size is {size} and data.train has {records} records for a batch, so that some would "
                f"stand in it twice, each as a negative of itself; {fits}"
            )

    def _check_data(self) -> None:
        """Refuse data that training or evaluation could not use, before the first step."""
        method, data = self.config.method, self.config.data
        if any(isinstance(view, LabelView) for view in method.views().values()):
            named = [names for names in self.source.class_spaces().values() if names]
            if len(named) > 1:
                raise UserError(
                    f"data.train has the classes of {len(named)} sources, and {type(method).__name__} knows classes by "
                    "their number; make one source with one list of classes of them, or take unicl"
                )
        if data.evaluate is not None and self.leads:
            measured = data.evaluate.metrics(method)
            data.evaluate.check(method, self.source.listed_classes)
            self._check_best(measured)

    def _check_best(self, measured: list[str]) -> None:
        best = self.settings.keep.best
        if best is not None and best not in measured:
            raise UserError(
                f"training.keep.best is {best!r}, which data.evaluate does not measure; give one of "
                f"{', '.join(measured)}"
            )

    def train(self, max_steps: int | None = None) -> dict[str, Statistic]:
        """Train to the end, or to step `max_steps` of the schedule, and save.

        Returns the evaluation at the end, {} before it.
        """
        last = self.schedule.steps if max_steps is None else min(max_steps, self.schedule.steps)
        self._exhausted = self._on_any_rank(self.standing.exhausted)
        trains = not self.step or (self.step < last and not self.ended)
        if not trains and (not self.ended or self.standing.measured_at(self.step)):
            return self._evaluate() if self.ended else {}
        start = self.step, time.monotonic()
        with self._journal() as rows:
            if trains:
                self._train(last, rows)
                self.spent = self.step - start[0], time.monotonic() - start[1]
            if not self.ended:
                return {}
            if self._found[0] != self.step:
                rows.amend({"step": self.step} | self._measured())
                self._keep()
        return self._found[1]

    @property
    def ended(self) -> bool:
        """By the schedule, or early (`training.stop_after`)."""
        return self.step >= self.schedule.steps or self._exhausted

    def _train(self, last: int, rows) -> None:
        saved = self.step if self.step else None
        with self._progress(last) as progress, self.batches(last) as stream:
            advice = Advice(self, progress.say) if self.leads else Silent()
            mark, self._saved_at = time.perf_counter(), time.monotonic()
            self._point_to_best(progress.say)
            for batch in stream:
                waited = time.perf_counter() - mark
                self._begin_parts(progress.say)
                row = self._update(batch, stream)
                row |= self._times(time.perf_counter() - mark, waited)
                progress.update(row, self.settings.batch_size)
                advice.update(row, batch)
                if self._due(self.settings.evaluate_every) and self.step < self.schedule.steps:
                    row |= self._measured()
                    progress.say_evaluation(row)
                    advice.evaluated(self._found[1])
                    self._exhausted = self._on_any_rank(self.standing.exhausted)
                rows.append(row)
                if self._due(self.settings.checkpoint_every) or self._overdue() or self._best_is_here():
                    rows.sync()
                    self._save()
                    saved = self.step
                # a signal may reach one rank before the others
                if self._exhausted or self._on_any_rank(self.stop()):
                    break
                mark = time.perf_counter()
            advice.ended()
            if stream.broken and self.leads:
                progress.say(stream.replaced())
        if saved != self.step:
            rows.sync()
            self._save()

    def _begin_parts(self, say: Callable[[str], None]) -> None:
        """Let train what was frozen up to this step."""
        if due := self.phases.due(self.step):
            self.phases = self.phases.with_begun(due, self.step - self.loss_scale.skipped)
            phases.enter(self.engine, self.phases.tuning)
            say(f"step {self.step + 1}: {', '.join(pattern.match for pattern in due)} trains from here on")

    def _times(self, seconds: float, waited: float) -> dict:
        rate = self.settings.batch_size / seconds
        return {"step_seconds": seconds, "data_seconds": waited, "samples_per_second": rate}

    def _on_any_rank(self, value: bool) -> bool:
        return bool(total(self.engine, value))

    def _measured(self) -> dict:
        """What a journal's row gets: {"evaluation": {metric: percent}, "chance", "queries"}, {} where nothing is
        evaluated."""
        self._found = self.step, self._evaluate()
        if not self._found[1]:
            return {}
        self.standing.add(self.step, percent(self._found[1]))
        return {"evaluation": percent(self._found[1]), **figures.rows(self._found[1])}

    def _best_is_here(self) -> bool:
        # asked at every step, and looks through all evaluations only behind one
        return self._found[0] == self.step and self.standing.is_best(self.step)

    def _point_to_best(self, say) -> None:
        """A run that goes on from an older checkpoint than its last one may have had a best one since."""
        best = self.standing.best
        if self.leads and self.resumed and not checkpoint.point_to(self.run, best):
            say(
                f"the best {best.metric} so far is {best.percent:.2f}% at step {best.step}, of which there is no "
                f"checkpoint; {self.run}/best will be that of the next better one"
            )

    def _keep(self) -> None:
        if self.leads:
            checkpoint.keep(self.run, self.step, self.settings.keep.last, self.standing.best)

    def save_again(self) -> None:
        """The checkpoint of this step, with a state that has changed."""
        with Journal(self.run, self.step):  # nobody else trains in the run's folder meanwhile
            self._save()

    @property
    def leads(self) -> bool:
        return self.ranks.rank == 0

    def _journal(self):
        if not self.leads:
            return Silent()
        return Journal(self.run, self.step if self.resumed else None, self.state["config"], self.reporters)

    def _progress(self, last: int):
        return Progress(last, self.step, every=max(1, last // 40)) if self.leads else Silent()

    def prepare(self, say: Callable[[str], None]) -> float:
        """Compile, and load kernels, by a step that changes nothing: seconds. say: tells which part begins with it."""
        self._begin_parts(say)
        with self.batches(self.step + 1) as stream:
            batch = next(stream, None)
        start = time.perf_counter()
        if batch is not None:
            self.engine.prepare_update(self._backward(batch))
        return time.perf_counter() - start

    def measure(self, steps: int, each: Callable[[], None] = lambda: None) -> float:
        """Seconds a step takes, by `steps` of them (the first one, which compiles, left out); changes the weights.

        each: called after every step.
        """
        step, marks = self.step, []
        with self.batches(self.step + steps) as stream:
            for batch in stream:
                self._update(batch, stream)
                marks.append(time.perf_counter())
                each()
        self.step = step
        seconds = (marks[-1] - marks[0]) / (len(marks) - 1)
        return total(self.engine, seconds) / self.ranks.size

    def batches(self, last: int) -> Batches:
        return batches(
            self.source,
            self.engine.views,
            self.tokenizer,
            batch_size=self.settings.batch_size,
            seed=self.settings.seed,
            start_step=self.step,
            stop_step=last,
            workers=self.config.data.workers,
            rank=self.ranks.rank,
            ranks=self.ranks.size,
            bad=self._bad,
        )

    def _backward(self, batch):
        elapsed, accumulate = self.schedule.elapsed(self.step), self.settings.accumulate
        return global_batch.backward(self.engine, batch, elapsed, accumulate=accumulate, scale=self.loss_scale.scale)

    def _update(self, batch, stream: Batches) -> dict:
        """One step: terms and gradients, both checked before anything changes, then the update."""
        rate = self.schedule(self.step)
        backward = self._backward(batch)
        # the scale multiplies gradients only: a term that is not finite is not its doing
        overflowed = all(map(math.isfinite, backward.terms.values())) and not math.isfinite(backward.norm)
        scale, skipped = self.loss_scale.scale, self.loss_scale.skips(not overflowed)
        change = 0.0
        if not skipped:
            self._check_finite(backward, stream)
            clip = self.settings.clip
            factor = 1.0 if clip is None or backward.norm <= clip else clip / backward.norm
            count, rule = self.step + 1 - self.loss_scale.skipped, self.settings.update
            later = self.phases.corrections(rule, count)
            change = self.engine.update(backward, Rates(rate, *rule.corrections(count), factor, later))
        self.step += 1
        terms = dict(backward.terms)
        return {
            "step": self.step,
            "loss": terms.pop("loss"),
            "logit_scale": terms.pop("logit_scale", None),
            "terms": terms,
            "gradient_norm": None if skipped else backward.norm,  # JSON has no infinity
            "update_norm": change,
            "learning_rate": rate,
        } | ({"loss_scale": scale, "skipped": skipped} if self.loss_scale.moves else {})

    def _check_finite(self, backward, stream) -> None:
        wrong = [
            name
            for name, value in {**backward.terms, "gradient norm": backward.norm}.items()
            if not math.isfinite(value)
        ]
        if wrong:
            raise UserError(
                f"step {self.step + 1}: {', '.join(wrong)} is not finite, nothing was updated; the batch held "
                f"{', '.join(stream.keys(self.step))}; look at these samples, or go on with --resume --set "
                "training.learning_rate=... (a lower one)"
            )

    def _due(self, every: int) -> bool:
        return bool(every) and self.step % every == 0

    def _overdue(self) -> bool:
        minutes = self.settings.checkpoint_minutes
        return minutes > 0 and time.monotonic() - self._saved_at >= 60 * minutes

    def _evaluate(self) -> dict[str, Statistic]:
        if self.evaluate is None or self.config.data.evaluate is None or not self.leads:
            return {}
        with self._averaged():
            return self.evaluate(self.config, self.engine, self.tokenizer)

    @contextmanager
    def _averaged(self):
        """The engine with the average of the weights in their place, where the run keeps one."""
        if self.settings.ema is None:
            yield
            return
        self.engine.exchange_average()
        try:
            yield
        finally:
            self.engine.exchange_average()

    def _save(self) -> None:
        self._saved_at = time.monotonic()
        if not self.leads:
            return
        # the position in the data is the step: order and draws are functions of it
        versions = {name: installed(name) for name in ("tandemclip", self.engine.name, "numpy")}
        own = {"loss_scale": asdict(self.loss_scale), BEGUN: self.phases.to_json()}
        state = {**self.state, **own, "engine": self.engine.name, "versions": versions}
        checkpoint.save(self.run, self.step, self.engine.weights(), self.engine.moments(), state)
        self._keep()


class Silent:
    """The journal and the progress of a rank that writes none."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def append(self, row):
        pass

    def amend(self, row):
        pass

    def sync(self):
        pass

    def update(self, row, samples):
        pass

    def evaluated(self, found):
        pass

    def ended(self):
        pass

    def say(self, text):
        pass

    def say_evaluation(self, row):
        pass
