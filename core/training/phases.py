"""Parts of a method that begin to train later than the run (`Pattern.frozen_for`)."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tandemclip.core.errors import UserError
from tandemclip.core.training.engine import Engine
from tandemclip.core.training.tuning import Pattern, Tuning
from tandemclip.core.training.update import UpdateRule

BEGUN = "begun"  # the key of a checkpoint's state


@dataclass(frozen=True)
class Phases:
    """Which parts of a run of `steps` steps have begun to train.

    begun: {frozen_for: how many updates the run had made when it was over}. What has begun goes on, whatever becomes of
    the run's length.
    """

    configured: Tuning
    steps: int
    begun: dict[float, int] = field(default_factory=dict)

    def __post_init__(self):
        for pattern in self.configured.patterns:
            if pattern.waits(self.steps) >= self.steps:
                raise UserError(
                    f"training.groups: {pattern.match!r} is frozen for {pattern.waits(self.steps)} of {self.steps} "
                    "steps and would never train; take frozen=true, or a smaller frozen_for"
                )

    def due(self, step: int) -> list[Pattern]:
        """Those that begin with the update behind `step` steps, or should have, and have not begun."""
        waiting = (p for p in self.configured.patterns if p.frozen_for and p.frozen_for not in self.begun)
        return [pattern for pattern in waiting if pattern.waits(self.steps) <= step]

    def with_begun(self, patterns: Iterable[Pattern], updates: int) -> "Phases":
        """updates: made by the run so far."""
        return replace(self, begun=self.begun | {pattern.frozen_for: updates for pattern in patterns})

    @property
    def tuning(self) -> Tuning:
        return self.configured.with_begun(self.begun)

    def corrections(self, rule: UpdateRule, count: int) -> dict[float, tuple[float, float]]:
        """`Rates.later` of update number `count` of the run, from 1: each part counts its own updates."""
        return {frozen_for: rule.corrections(count - before) for frozen_for, before in self.begun.items()}

    def to_json(self) -> list[list[float]]:
        return [[frozen_for, updates] for frozen_for, updates in self.begun.items()]


def from_json(saved: list[list[float]] | None) -> dict[float, int]:
    """`Phases.begun` of a checkpoint; {} of one that has no such thing."""
    return {float(frozen_for): int(updates) for frozen_for, updates in saved or ()}


def enter(engine: Engine, tuning: Tuning) -> None:
    """Train by this tuning from here on: what was remembered stays, and what begins now remembers nothing yet."""
    remembered, weights = engine.moments(), engine.weights()
    engine.lay_out(tuning)
    fresh = engine.moments()
    engine.load(weights, fresh | {name: array for name, array in remembered.items() if name in fresh})
