"""How strongly a probe is regularised: CLIP's parametric search (Radford et al. 2021, A.3).

The strengths of L2 are 10^-6 to 10^6 in 96 equal steps of the logarithm, 8 a decade. Seven of them, two decades apart,
are tried first. Then the distance is halved again and again, and the neighbours of the best one so far are tried, until
they are one step away: fifteen fits.
"""

from collections.abc import Callable

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
