"""What engines are held against: a method's forward in numpy float64, on an input on which no discrete choice is within
rounding.
"""

from dataclasses import dataclass, replace

import numpy as np

from tandemclip.backends.reference.ops import Reference
from tandemclip.core.methods.features import CHOSEN, START, Elapsed, Features
from tandemclip.core.methods.method import Method
from tandemclip.core.spec import Notes, Run, Scope
from tandemclip.core.training import global_batch
from tandemclip.core.training.engine import Arrays, Backward, Engine
from tandemclip.core.training.schedule import Schedule
from tandemclip.core.training.tuning import Tuning
from tandemclip.core.training.update import UpdateRule


@dataclass(frozen=True)
class Subject:
    """What is compared: a method at given weights, on given batches, updated by its own rule and schedule.

    elapsed: where in a run it is looked at, see `Method.phases`.
    """

    method: Method
    rule: UpdateRule
    weights: Arrays
    batches: list[Arrays]
    schedule: Schedule
    elapsed: Elapsed = START
    tuning: Tuning = Tuning()

    def phases(self) -> dict[str, "Subject"]:
        """The same in every phase of the method, by its name."""
        return {name: replace(self, elapsed=elapsed) for name, elapsed in self.method.phases.items()}


@dataclass(frozen=True)
class Judged:
    """A training-mode forward in numpy float64. margin: how near to a tie a discrete choice came.

    local: what the method chooses by. chosen: what it chose. stopped: see `Reference`.
    """

    terms: dict[str, float]
    nodes: dict[str, list[np.ndarray]]
    margin: float
    local: Arrays
    chosen: Arrays
    stopped: list[np.ndarray]


def step(subject: Subject, engine: Engine, batch: Arrays, chosen: Arrays) -> Backward:
    """Terms and gradients of one batch, with choices that were made before (none where the method makes none)."""
    return global_batch.backward(engine, batch, subject.elapsed, chosen=chosen)


def with_choices(batch: Arrays, chosen: Arrays) -> Arrays:
    return batch | {CHOSEN + name: array for name, array in chosen.items()}


def judged(subject: Subject, batch: Arrays, weights: Arrays | None = None, fixed: Judged | None = None) -> Judged:
    """weights: instead of the subject's. fixed: whose choices and stopped values hold, instead of this run's own."""
    method, notes = subject.method, Notes(np.ndarray)
    ops = Reference() if fixed is None else Reference(fixed.stopped)
    wide = lambda arrays: {n: a.astype(np.float64) if a.dtype.kind == "f" else a for n, a in arrays.items()}
    training = subject.tuning.training(method)
    scope = Scope(method, Run(ops, wide(weights or subject.weights), training, watch=notes))
    encoded = scope.features(wide(batch))
    local = {name: encoded[f"local:{name}"] for name in method.chooses_by}
    if fixed is None:
        chosen = method.choose(local) if method.chooses_by else {}
    else:
        chosen = fixed.chosen
    count = len(next(iter(batch.values())))
    terms = scope.loss(
        Features.of(with_choices(encoded, wide(chosen)), count), Elapsed(*map(np.float64, subject.elapsed))
    )
    return Judged({n: float(value) for n, value in terms.items()}, notes.nodes, ops.margin, local, chosen, ops.stopped)


def with_margin(subject: Subject, tries: int = 6) -> tuple[Arrays, Judged]:
    """The batch, of the first `tries`, whose discrete choices are farthest from a tie, and what the judge makes of
    it.
    """
    best = None
    for batch in subject.batches[:tries]:
        found = judged(subject, batch)
        if best is None or found.margin > best[1].margin:
            best = (batch, found)
        if found.margin == np.inf:
            break
    return best


def flat(nodes):
    return {f"{path}#{i}" if i else path: array for path, seen in nodes.items() for i, array in enumerate(seen)}
