"""How far apart rounding alone may put an engine and its judge: what one ulp of every weight does to the judge."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tandemclip.backends.judge import Judged, Subject, flat, judged, step
from tandemclip.core.closeness import error, errors
from tandemclip.core.random import generator
from tandemclip.core.training.engine import Arrays, Engine

TOLERANCES = {
    "node": 1e-5,
    "term": 1e-5,
    "gradient": 1e-4,
    "update": 1e-6,
    "moment": 1e-6,
    "step": 1e-3,
    "judge": 1e-6,
    "choice": 1e-5,
}
MOVED = 3  # times that all weights are moved by one ulp, to tell what rounding does
APART = 3.0  # how many times as far as rounding puts the judge from itself an engine may be from it
LARGE = 2_000_000  # parameters; from here on a gradient is measured by its relative L2 norm


@dataclass(frozen=True)
class Rounding:
    """How far the judges' nodes, terms and gradients go when every weight goes to a neighbour in float32, choices held:
    the largest of MOVED times. Looked at only where something is out of tolerance.
    """

    subject: Subject
    judge: Engine | None
    batch: Arrays
    at: Judged
    gradients: Arrays | None

    def beyond(self, level: str, found: dict[str, float]) -> dict[str, float]:
        """Errors, less where APART times what rounding does is above the tolerance: that much then counts as the
        tolerance. Many batch norms in a row, each over few values, enlarge what no float32 can avoid; a mean of
        cosines may nearly vanish, and so may what the pairs of a batch make of a gradient, where all of it is rounding.
        """
        limit = TOLERANCES[level]
        if all(each <= limit for each in found.values()) or (level == "gradient" and self.judge is None):
            return found
        rounding = {"node": self._nodes, "term": self._terms, "gradient": self._gradients}[level]
        return {name: each * limit / max(limit, APART * rounding.get(name, 0.0)) for name, each in found.items()}

    @cached_property
    def _weights(self) -> list[Arrays]:
        return [one_ulp_beside(self.subject.weights, seed) for seed in range(MOVED)]

    @cached_property
    def _judged(self) -> list[Judged]:
        return [judged(self.subject, self.batch, weights, self.at) for weights in self._weights]

    @cached_property
    def _nodes(self) -> dict[str, float]:
        return _largest(errors(flat(each.nodes), flat(self.at.nodes), "output") for each in self._judged)

    @cached_property
    def _terms(self) -> dict[str, float]:
        return _largest(errors(each.terms, self.at.terms, "output") for each in self._judged)

    @cached_property
    def _gradients(self) -> dict[str, float]:
        return _largest(gradient_errors(self.subject, each, self.gradients) for each in self._moved_gradients())

    def _moved_gradients(self):
        for weights in self._weights:
            self.judge.load(weights)
            yield self.judge.named_gradients(step(self.subject, self.judge, self.batch, self.at.chosen))


def _largest(found) -> dict[str, float]:
    found = list(found)
    return {name: max(each[name] for each in found) for name in found[0]}


def gradient_errors(subject: Subject, found: Arrays, expected: Arrays) -> dict[str, float]:
    return norms(found, expected) if _large(subject) else errors(found, expected, "gradient")


def norms(found: Arrays, expected: Arrays) -> dict[str, float]:
    """Relative L2 distance of all gradients together; inf where names or shapes differ."""
    if set(found) != set(expected) or any(error(found[n], expected[n]) == np.inf for n in expected):
        return errors(found, expected, "gradient")
    square = lambda arrays: sum(float(np.sum(np.square(a, dtype=np.float64))) for a in arrays)
    return {"all gradients": (square(found[n] - expected[n] for n in expected) / square(expected.values())) ** 0.5}


def _large(subject):
    return sum(array.size for array in subject.weights.values()) > LARGE


def one_ulp_beside(weights: Arrays, seed: int) -> Arrays:
    """Every element of float32 moved to the next one up or down, at random."""
    rng = generator("one ulp", seed)
    return {
        name: np.nextafter(w, np.where(rng.random(w.shape) < 0.5, -np.inf, np.inf).astype(w.dtype))
        for name, w in weights.items()
    }
