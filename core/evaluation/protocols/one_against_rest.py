"""Logistic regression of each class against the rest, where a picture may have several classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tandemclip.core.evaluation.protocols.logistic import ELEMENTS, fit
from tandemclip.core.evaluation.protocols.rows import Rows


@dataclass(frozen=True, eq=False)
class OneAgainstRest:
    """weights: [C, D]. offsets: [C]. converged: whether all fits came to their end. untold: the numbers of the classes
    of which there was no picture with, or none without them: they have the same score for every picture.
    """

    weights: np.ndarray
    offsets: np.ndarray
    converged: bool
    untold: tuple[int, ...]

    def scores(self, features: Rows, count: int) -> Iterator[np.ndarray]:
        """[N, D] -> [n, count] float64, some images after others: the logarithm of the odds of each class."""
        rows = max(1, ELEMENTS // max(count, features.shape[1]))
        for start in range(0, len(features), rows):
            yield np.asarray(features[start : start + rows], np.float64) @ self.weights.T + self.offsets


def fit_each(features: Rows, present: np.ndarray, strength: float) -> OneAgainstRest:
    """features: [N, D]. present: [N, C] int8, of each class 1 yes, 0 no, -1 not asked: it does not learn from those."""
    weights, offsets = np.zeros((present.shape[1], features.shape[1])), np.zeros(present.shape[1])
    converged, untold = True, []
    for number, column in enumerate(present.T):
        asked = np.flatnonzero(column >= 0)
        if len(np.unique(column[asked])) < 2:
            untold.append(number)
            continue
        found = fit(features.take(asked), column[asked], strength)
        (weights[number],), (offsets[number],) = np.diff(found.weights, axis=0), np.diff(found.offsets)
        converged &= found.converged
    return OneAgainstRest(weights, offsets, converged, tuple(untold))
