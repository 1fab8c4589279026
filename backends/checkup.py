"""Does an engine work on this machine? One step of a method on it, held against numpy float64: no second engine is
needed.
"""

import time
from dataclasses import dataclass

from tandemclip.backends.judge import Subject, flat, step, with_choices, with_margin
from tandemclip.backends.parity import compare_updates, slope_error
from tandemclip.core.closeness import errors

TERM, SLOPE, UPDATE = 1e-5, 1e-4, 1e-6  # as in docs/parity.md


@dataclass(frozen=True)
class Checkup:
    """Seconds to the first gradient and relative errors: of the terms; of the gradient, along one random direction of
    all weights against a finite difference; of three updates. fault: what is wrong, in words, or None."""

    seconds: float = 0.0
    term: float = 0.0
    gradient: float = 0.0
    update: float = 0.0
    fault: str | None = None


def checkup(subject: Subject, engine_class) -> Checkup:
    batch, judged = with_margin(subject)
    start = time.perf_counter()
    try:
        engine = engine_class(subject.method, subject.weights, subject.rule, tuning=subject.tuning)
        backward = step(subject, engine, batch, judged.chosen)
        seconds = time.perf_counter() - start
        gradient = slope_error(subject, batch, engine, judged)
        update = max(
            row.error for row in compare_updates(subject, engine.name, engine, engine.named_gradients(backward))
        )
        found = Checkup(seconds, max(errors(backward.terms, judged.terms, "output").values()), gradient, update)
        if found.term <= TERM and gradient <= SLOPE and update <= UPDATE:
            return found
        engine.load(subject.weights)
        return Checkup(
            seconds,
            found.term,
            gradient,
            update,
            _first_wrong(engine.observe(with_choices(batch, judged.chosen), subject.elapsed), judged.nodes),
        )
    except Exception as error:  # whatever an engine raises where a kernel is missing
        return Checkup(time.perf_counter() - start, fault=_first_failing(subject, batch, engine_class, error))


def _first_wrong(found, expected) -> str:
    out = [name for name, value in errors(flat(found), flat(expected), "output").items() if not value <= TERM]
    return f"first wrong node: {out[0]}" if out else "every node agrees, the gradient or the update does not"


def _first_failing(subject, batch, engine_class, error) -> str:
    """The message and the node, which only an engine that runs node by node can name."""
    try:
        engine = engine_class(subject.method, subject.weights, subject.rule, eager=True, tuning=subject.tuning)
        engine.observe(batch, subject.elapsed)
    except Exception as eager:
        error = eager
    note = "; ".join(getattr(error, "__notes__", [])[:1])
    return f"{_first_line(error)} {note}".strip()


def _first_line(error) -> str:
    lines = [line.strip(" -") for line in str(error).splitlines()]
    return next((line for line in lines if line and not line.endswith(":")), type(error).__name__)
