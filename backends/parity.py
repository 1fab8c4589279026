"""Do engines agree? The levels of docs/parity.md, measured for one method, one set of weights, any number of engines.

The judge of outputs is numpy float64 (judge.py); the judge of gradients is an engine that computes in float64, itself
held against directional finite differences of the numpy judge.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from tandemclip.backends.judge import Judged, Subject, flat, judged, step, with_choices, with_margin
from tandemclip.backends.reference.ops import Reference
from tandemclip.backends.rounding import APART, MOVED, TOLERANCES, Rounding, gradient_errors, one_ulp_beside
from tandemclip.core.closeness import errors, zero_in_theory
from tandemclip.core.random import generator
from tandemclip.core.training import global_batch
from tandemclip.core.training.engine import Arrays, Engine, Rates
from tandemclip.core.training.update import AVERAGE, update_group

JUDGE = "judge of gradients"


@dataclass(frozen=True)
class Row:
    """One comparison: the worst of `count` tensors, and the first (in the order they are computed) out of tolerance."""

    level: str
    engine: str
    against: str
    error: float
    worst: str
    tolerance: float
    count: int
    first_out: str | None

    @property
    def agrees(self) -> bool:
        return self.first_out is None


def compare(
    subject: Subject, judge: Engine | None, engines: dict[str, Engine], tolerance: float | None = None
) -> list[Row]:
    """Nodes, terms, gradients and three updates of every engine against the judges and each other.

    The engines' own weights are replaced by the subject's. judge: of gradients; None where no engine computes in
    float64. Each engine's gradient is then held against finite differences of the numpy judge along one direction of
    all weights, and its updates begin from its own gradient.
    """
    batch, judged = with_margin(subject)
    rows, gradients = ([], None) if judge is None else _judge(subject, judge, batch, judged, tolerance)
    seen, noise = {"judge": (judged.nodes, judged.terms, gradients)}, zero_in_theory(gradients or {})
    limits = Rounding(subject, judge, batch, judged, gradients) if tolerance is None else None
    for name, engine in engines.items():
        engine.load(subject.weights)
        own = step(subject, engine, batch, judged.chosen)
        found = (
            engine.observe(with_choices(batch, judged.chosen), subject.elapsed),
            own.terms,
            engine.named_gradients(own),
        )
        if subject.method.chooses_by:
            rows.append(_row("choice", name, "judge", choice_gaps(subject, engine, batch, judged), tolerance))
        if gradients is None:
            slope = {"slope": slope_error(subject, batch, engine, judged)}
            rows.append(_row("gradient", name, "finite differences", slope, tolerance))
        for against, other in seen.items():
            rows += _three(name, against, found, other, limits, subject, tolerance)
        # only float64 tells what is zero in theory: two float32 engines have nothing to agree in there
        told = None if gradients is None else {n: g for n, g in found[2].items() if n not in noise}
        seen[name] = (*found[:2], told)
        rows += compare_updates(subject, name, engine, found[2] if gradients is None else gradients, tolerance)
    return rows


def _judge(subject, judge, batch, judged, tolerance) -> tuple[list[Row], Arrays]:
    """What the judge of gradients is worth, and its gradients."""
    judge.load(subject.weights)
    backward = step(subject, judge, batch, judged.chosen)
    slope = {"slope": slope_error(subject, batch, judge, judged)}
    rows = [_row("judge", JUDGE, "finite differences", slope, tolerance)]
    rows.append(_row("term", JUDGE, "numpy", errors(backward.terms, judged.terms, "output"), tolerance))
    return rows, judge.named_gradients(backward)


def choice_gaps(subject: Subject, engine: Engine, batch: Arrays, judged: Judged) -> dict[str, float]:
    """How much more the engine's own choice costs than the judge's, by the judge's costs: equal costs may differ in
    choice.
    """
    method = subject.method
    encoded = engine.encode(batch, {}, keep=False).features
    own = method.choose({name: engine.to_host(encoded[f"local:{name}"]) for name in method.chooses_by})
    gap = method.choice_cost(judged.local, own) - method.choice_cost(judged.local, judged.chosen)
    return {"cost of the engine's choice": float(np.max(gap))}


def _three(name, against, found, other, limits, subject, tolerance):
    """Rows of nodes, terms and, where the other one's may be compared, gradients."""
    levels = {
        "node": errors(flat(found[0]), flat(other[0]), "output"),
        "term": errors(found[1], other[1], "output"),
    }
    if other[2] is not None:
        gradients = found[2] if against == "judge" else {n: g for n, g in found[2].items() if n in other[2]}
        levels["gradient"] = gradient_errors(subject, gradients, other[2])
    beyond = (lambda level, each: each) if limits is None else limits.beyond
    return [_row(level, name, against, beyond(level, each), tolerance) for level, each in levels.items()]


def compare_updates(subject, name, engine, gradients, tolerance=None) -> list[Row]:
    """Three updates at the peak rate from given gradients, against the same in numpy float64."""
    given = [{n: (g * scale).astype(np.float32) for n, g in gradients.items()} for scale in (1.0, -0.5, 2.0)]
    weights, moments = judged_updates(subject, given)
    engine.load(subject.weights)
    for count, arrays in enumerate(given, 1):
        engine.update(engine.with_gradients(arrays), Rates(subject.schedule.peak, *subject.rule.corrections(count)))
    after = {n: array for n, array in engine.weights().items() if n in weights}
    return [
        _row("update", name, "judge", errors(after, weights, "output"), tolerance),
        _row("moment", name, "judge", errors(engine.moments(), moments, "output"), tolerance),
    ]


def judged_updates(subject: Subject, given: list[Arrays]) -> tuple[Arrays, Arrays]:
    """Weights, and what is remembered, after one update from each of `given`, in float64."""
    ops, weights, moments, rule = Reference(), {}, {}, subject.rule
    for group in subject.tuning.groups(subject.method, rule):
        vector = group.flatten(ops, subject.weights).astype(np.float64)
        state = {name: vector if name == AVERAGE else np.zeros_like(vector) for name in group.remembered(rule)}
        for count, arrays in enumerate(given, 1):
            vector, state, _ = update_group(
                ops,
                rule,
                group,
                vector,
                group.flatten(ops, arrays).astype(np.float64),
                state,
                rate=subject.schedule.peak,
                corrections=rule.corrections(count),
                factor=1.0,
            )
        weights |= group.split(ops, vector)
        moments |= {f"{kind}.{n}": a for kind, each in state.items() for n, a in group.split(ops, each).items()}
    return weights, moments


def compare_training(subject: Subject, judge: Engine | None, engines: dict[str, Engine], tolerance=None) -> list[Row]:
    """The loss of every step over `subject.batches`, against the judge of gradients, if any, and each other."""
    seen, rows = {} if judge is None else {"judge": losses(subject, judge)}, []
    for name, engine in engines.items():
        own = losses(subject, engine)
        for against, other in seen.items():
            rows.append(_row("step", name, against, distances(own, other), tolerance))
        seen[name] = own
    return rows


def losses(subject: Subject, engine: Engine, done: Callable[[], None] = lambda: None) -> dict[str, float]:
    engine.load(subject.weights)
    found = {}
    for number, batch in enumerate(subject.batches):
        backward = global_batch.backward(engine, batch, subject.elapsed)
        found[f"step {number + 1}"] = backward.terms["loss"]
        rate = subject.schedule(min(number, subject.schedule.steps - 1))
        engine.update(backward, Rates(rate, *subject.rule.corrections(number + 1)))
        done()
    return found


def compare_long(
    subject: Subject,
    base: Engine,
    engines: dict[str, Engine],
    tolerance: float | None = None,
    done: Callable[[], None] = lambda: None,
) -> list[Row]:
    """As `compare_training`, over more steps than any tolerance holds for: training is chaotic.

    An engine's losses may be 3 times as far from the base's, at any step, as the largest distance that there is between
    three runs of the base itself whose weights were moved by one ulp. done: called at each step of MOVED + 1 +
    len(engines) runs.
    """
    moved = [replace(subject, weights=one_ulp_beside(subject.weights, seed)) for seed in range(MOVED)]
    runs = [losses(each, base, done) for each in moved]
    limit = APART * max(max(distances(a, b).values()) for a, b in combinations(runs, 2))
    own = losses(subject, base, done)
    found = {name: distances(losses(subject, engine, done), own) for name, engine in engines.items()}
    return [
        _row("long run", name, base.name, each, limit if tolerance is None else tolerance)
        for name, each in found.items()
    ]


def distances(losses: dict[str, float], others: dict[str, float]) -> dict[str, float]:
    return {name: abs(value - others[name]) / abs(others[name]) for name, value in losses.items()}


def slope_error(subject: Subject, batch: Arrays, engine: Engine, at: Judged) -> float:
    """|<gradient, d> - (loss(w + h d) - loss(w - h d)) / 2h| relative, for one random direction d of all weights.

    In each parameter d points uphill, so that what the parameters give adds up: a sum that nearly cancels would be 30
    times smaller than what it is made of, and its relative error all rounding.
    h stays well below the margin, so that no discrete choice changes between the two ends. The host's choices are held
    fixed, and so is what gradients do not go through.
    """
    size = float(np.clip(0.03 * at.margin, 1e-9, 1e-6))
    gradients = engine.named_gradients(step(subject, engine, batch, at.chosen))
    rng = generator("directional difference")
    drawn = {n: rng.standard_normal(g.shape) * (np.std(subject.weights[n]) + 1e-2) for n, g in gradients.items()}
    direction = {n: d if np.sum(gradients[n] * d) >= 0 else -d for n, d in drawn.items()}
    moved = lambda h: {n: w.astype(np.float64) + h * direction.get(n, 0.0) for n, w in subject.weights.items()}
    ends = [judged(subject, batch, moved(h), at).terms["loss"] for h in (size, -size)]
    slope = sum(float(np.sum(gradients[n] * direction[n])) for n in direction)
    return abs((ends[0] - ends[1]) / (2 * size) - slope) / max(abs(slope), 1e-12)


# ------------------------------------------------------------------ rows
def _row(level, engine, against, found: dict[str, float], tolerance):
    limit = TOLERANCES[level] if tolerance is None else tolerance
    if not found:  # a method without nodes, for one: nothing can part
        return Row(level, engine, against, 0.0, "", limit, 0, None)
    worst = max(found, key=lambda name: found[name] if found[name] == found[name] else np.inf)
    first_out = next((name for name, value in found.items() if not value <= limit), None)
    return Row(level, engine, against, float(found[worst]), worst, limit, len(found), first_out)
