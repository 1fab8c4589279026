"""The learning rate as a function of the step."""

import math
from dataclasses import dataclass

from tandemclip.core.errors import UserError
from tandemclip.core.methods.features import Elapsed


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up, then half a cosine to `floor` (Loshchilov and Hutter, arXiv:1608.03983, equation 5, one cycle).

    With s the number of updates already done, W = warmup and S = steps:
        s <  W:  peak (s + 1) / W
        s >= W:  floor + (peak - floor) (1 + cos(pi (s - W) / (S - W))) / 2
    The first update uses peak / W rather than 0, so that none is lost, and the last one stays just above `floor`,
    which the cosine reaches at s = S.
    """

    peak: float
    steps: int
    warmup: int
    floor: float = 0.0
    steps_per_epoch: int = 1

    def __post_init__(self):
        if self.steps < 1 or not 0 <= self.warmup <= self.steps:
            raise UserError(
                f"the schedule got steps={self.steps} and warmup={self.warmup}; expected 1 <= steps and"
                " 0 <= warmup <= steps: shorten the warm-up or train longer"
            )
        if not 0 <= self.floor <= self.peak:
            raise UserError(
                f"the schedule got peak={self.peak} and floor={self.floor}; expected 0 <= floor <= peak: correct them"
            )

    def __call__(self, step: int) -> float:
        """The rate of update `step`, from 0; ValueError outside 0..steps-1, where the cosine would rise again."""
        if not 0 <= step < self.steps:
            raise ValueError(f"step {step} is outside 0..{self.steps - 1}")
        if step < self.warmup:
            return self.peak * (step + 1) / self.warmup
        share = (step - self.warmup) / (self.steps - self.warmup)
        return self.floor + (self.peak - self.floor) * (1 + math.cos(math.pi * share)) / 2

    def elapsed(self, step: int) -> Elapsed:
        """What is over of the run when update `step` is made, from 0."""
        epochs = math.ceil(self.steps / self.steps_per_epoch)
        return Elapsed(step / max(1, self.steps - 1), step // self.steps_per_epoch / epochs)
