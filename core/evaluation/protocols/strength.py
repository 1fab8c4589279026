"""How strongly a probe is regularised: CLIP's parametric search (Radford et al. 2021, A.3).

The strengths of L2 are 10^-6 to 10^6 in 96 equal steps of the logarithm, 8 a decade. Seven of them, two decades apart,
are tried first. Then the distance is halved again and again, and the neighbours of the best one so far are tried, until
they are one step away: fifteen fits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tandemclip.core.evaluation.protocols.learned import Labelled
from tandemclip.core.evaluation.protocols.logistic import ITERATIONS, fit

STEPS = 8  # a decade
LOWEST, DECADES, COARSE = -6, 12, 2  # of the logarithm; COARSE: decades between the first ones


def search(score: Callable[[float], float]) -> float:
    """The strength of the highest score, of equal ones the strongest. score: called once for each strength tried."""
    last, distance, scores = DECADES * STEPS, COARSE * STEPS, {}
    places = range(0, last + 1, distance)
    while True:
        scores |= {place: score(strength_at(place)) for place in places if place not in scores}
        best = max(scores, key=lambda place: (scores[place], place))
        distance //= 2
        if not distance:
            return strength_at(best)
        places = [place for place in (best - distance, best + distance) if 0 <= place <= last]


def strength_at(place: int) -> float:
    """place: steps from the lowest strength."""
    return 10.0 ** (LOWEST + place / STEPS)


@dataclass(frozen=True)
class Chosen:
    """strength: of L2. converged: of each fit that was tried."""

    strength: float
    converged: tuple[bool, ...]


def choose(learned: Labelled, held: Labelled) -> Chosen:
    """The strength with which a classifier of `learned` is right most often about `held`."""
    converged = []

    def score(strength: float) -> float:
        found = fit(learned.features, learned.labels, strength)
        converged.append(found.converged)
        return float(np.mean(found.predict(held.features) == held.labels))

    return Chosen(search(score), tuple(converged))


def on_convergence(tried: Sequence[bool], measured: Sequence[bool]) -> tuple[str, ...]:
    """A remark where fits did not converge. tried, measured: whether each did, of those that chose and were asked."""
    failed, asked = sum(not each for each in (*tried, *measured)), sum(not each for each in measured)
    if not failed:
        return ()
    count = len(tried) + len(measured)
    told = f"{asked} of the {len(measured)} that are measured among them" if asked else "none that is measured"
    return (f"{failed} of {count} fits did not converge within {ITERATIONS:,} iterations, {told}",)
