"""The `training` section of a configuration."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Lt, Predicate

from tandemclip.core.bounds import Count, Natural, NotNegative, Positive, PositiveShare, share_or_whole
from tandemclip.core.errors import UserError
from tandemclip.core.precision import Precision
from tandemclip.core.training.schedule import Schedule
from tandemclip.core.training.tuning import Pattern, Tuning
from tandemclip.core.training.update import AdamW, UpdateRule


@dataclass(frozen=True)
class Keep:
    """Which checkpoints stay.

    last: so many of the newest ones; with 1 there is none to go on from where that one is damaged. best: a metric that
    `data.evaluate` measures. The checkpoint of its highest figure stays too, and RUN/best names it wherever a
    checkpoint is named (`evaluate`, `--init`, `tandemclip.load` ...). One is written at each evaluation that is better
    than all before. None: no best is kept.
    """

    last: Count = 2
    best: str | None = None


@dataclass(frozen=True)
class Training:
    """How long and how fast. Give `steps`, or `epochs` over the training source.

    batch_size: of all ranks and pieces together. learning_rate: the highest, which the warm-up leads up to. steps,
    epochs: how long; exactly one of the two. warmup: a share of all steps below 1, or a number of steps (at most all).
    floor: what the cosine leads down to; at most `learning_rate`. seed: of weights, order, crops and all else that is
    drawn. clip: the gradient's largest norm, None for no limit. update: adamw, unless it names another `type`.
    precision: what products and convolutions are computed in; weights, moments and losses are float32 always.
    accumulate: pieces that a rank's part of a batch is computed in; the result is the same, in less memory and more
    time (each piece is encoded twice). BatchNorms see a piece at a time. groups: rate and decay of parameters by
    pattern, and which ones are frozen, all the time or at first; of each name the first that matches holds.
    layer_decay: of a tower with n blocks the last block has the rate times this, the one before it times its square,
    and so on; the stem has it to the power n + 1, and what stands behind the blocks the whole rate. 1 for none; beside
    `rate` of `groups` both hold. evaluated: patterns of parts that run
    as at inference though they train (norm_eval). ema: after every update average = ema average + (1 - ema) weights
    (Polyak and Juditsky 1992), from the weights at the start on. Evaluation while training takes the average, with the
    BatchNorms' statistics as they stand. A checkpoint has it in optimizer.safetensors, under "ema.NAME"; its
    model.safetensors holds the weights themselves. None: no average. evaluate_every, checkpoint_every: every so many
    steps; 0 for at the end only. checkpoint_minutes: one more whenever so many minutes have passed since the last; 0
    for none. keep: which checkpoints stay. stop_after: so many evaluations without a better one by `keep.best` end the
    run before its schedule does; None: they never do.
    """

    batch_size: Annotated[int, Ge(2)]
    learning_rate: Positive
    steps: Count | None = None
    epochs: Count | None = None
    warmup: Annotated[float, Ge(0), Predicate(share_or_whole)] = 0.05
    floor: NotNegative = 0.0
    update: UpdateRule = AdamW()
    clip: Positive | None = None
    seed: Natural = 0
    precision: Precision = "fp32"
    accumulate: Count = 1
    groups: tuple[Pattern, ...] = ()
    layer_decay: PositiveShare = 1.0
    evaluated: tuple[str, ...] = ()
    ema: Annotated[float, Gt(0), Lt(1)] | None = None
    evaluate_every: Natural = 0
    checkpoint_every: Natural = 0
    checkpoint_minutes: NotNegative = 0
    keep: Keep = Keep()
    stop_after: Count | None = None

    def __post_init__(self):
        self._check_best()
        if (self.steps is None) == (self.epochs is None):
            raise UserError(
                f"training.steps is {self.steps} and training.epochs is {self.epochs}; give exactly one of the two"
            )

    def _check_best(self):
        if self.keep.best is not None and not self.evaluate_every:
            raise UserError(
                f"training.keep.best is {self.keep.best!r} and training.evaluate_every is 0, so that only the end "
                "would be evaluated; give training.evaluate_every=N, every so many steps"
            )
        if self.stop_after is not None and self.keep.best is None:
            raise UserError(
                f"training.stop_after is {self.stop_after} and training.keep.best is None, by which evaluations would "
                "be compared; give training.keep.best=METRIC, one that data.evaluate measures"
            )

    @property
    def tuning(self) -> Tuning:
        return Tuning(self.groups, self.evaluated, self.ema, self.layer_decay)

    def schedule(self, records: int) -> Schedule:
        """For a source of `records`; an epoch is the whole batches that they give."""
        an_epoch = max(1, records // self.batch_size)
        steps = self.steps or self.epochs * an_epoch
        warmup = int(self.warmup) if self.warmup >= 1 else round(self.warmup * steps)
        return Schedule(self.learning_rate, steps, min(warmup, steps), self.floor, an_epoch)
