"""Logistic regression of features that stay as they are: what every probe fits.

It minimises, over the weights w [C, D] and the offsets b [C] of C classes,

    sum_n -log softmax(w x_n + b)[y_n] + strength / 2 |w|^2

by L-BFGS, as scikit-learn's LogisticRegression does, whose C is 1 / strength. Of two classes it fits one difference of
weights, as scikit-learn does. Features are taken as they come, in their own dtype.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.logistic_blocks import fit_in_blocks
from tandemclip.core.evaluation.protocols.rows import Rows

ITERATIONS = 1000  # at most (Radford et al. 2021, A.3)
LARGEST = 2 * 2**30  # bytes of float32 features that scikit-learn is given; it works on copies of them
ELEMENTS = 1 << 22  # scores held at a time where only the best one is wanted


@dataclass(frozen=True, eq=False)
class Classifier:
    """classes: [C] int, ascending. weights: [C, D]. offsets: [C]. converged: whether the fit came to its end."""

    classes: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray
    converged: bool

    def blocks(self, features: np.ndarray | Rows) -> Iterator[np.ndarray]:
        """[N, D] -> [n, C] float64, some images after others: the logarithm of how likely each class is."""
        rows = max(1, ELEMENTS // max(self.weights.shape))
        for start in range(0, len(features), rows):
            found = np.asarray(features[start : start + rows], np.float64) @ self.weights.T + self.offsets
            found -= found.max(1, keepdims=True)
            yield found - np.log(np.exp(found).sum(1, keepdims=True))

    def predict(self, features: np.ndarray | Rows) -> np.ndarray:
        """[N, D] -> [N], the likeliest of `classes`, of equal ones the lower."""
        return self.classes[np.concatenate([scores.argmax(1) for scores in self.blocks(features)])]

    def scores(self, features: np.ndarray | Rows, count: int) -> Iterator[np.ndarray]:
        """As `blocks`, of all classes from 0 to count - 1: [n, count], -inf for those that were not learned."""
        for scores in self.blocks(features):
            found = np.full((len(scores), count), -np.inf)
            found[:, self.classes] = scores
            yield found


def fit(features: np.ndarray | Rows, labels: np.ndarray, strength: float, iterations: int = ITERATIONS) -> Classifier:
    """features: [N, D] finite, an np.memmap too. labels: [N] int. UserError for fewer than two classes.

    By scikit-learn; above LARGEST bytes block by block, so that a memory map stays on the disk.
    """
    classes, places = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise UserError(
            f"a probe has {len(labels):,} images of {len(classes)} classes to learn from, and needs two classes; give "
            "another `learn`"
        )
    if 4 * features.size > LARGEST:
        weights, offsets, converged = fit_in_blocks(features, places, strength, iterations)
    else:
        weights, offsets, converged = _fit_at_once(features, places, strength, iterations)
    return Classifier(classes, weights, offsets, converged)


def _fit_at_once(features, places, strength, iterations):
    from sklearn.exceptions import ConvergenceWarning  # here, so that processes that load need not import scikit-learn
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ConvergenceWarning)
        found = LogisticRegression(C=1 / strength, max_iter=iterations).fit(np.asarray(features), places)
    converged = not any(issubclass(each.category, ConvergenceWarning) for each in told)
    weights, offsets = found.coef_.astype(np.float64), found.intercept_.astype(np.float64)
    if len(weights) == 1:  # of two classes: what speaks for the second one
        weights, offsets = np.concatenate([-weights, weights]) / 2, np.concatenate([-offsets, offsets]) / 2
    return weights, offsets, converged


def check_finite(features: np.ndarray) -> None:
    """UserError for features [N, D] that are not finite. A block at a time, as they may lie on the disk."""
    rows = max(1, ELEMENTS // max(1, features.shape[1]))
    for start in range(0, len(features), rows):
        bad = np.flatnonzero(~np.isfinite(features[start : start + rows]).all(1))
        if len(bad):
            raise UserError(
                f"the features {features.shape} that a probe learns from are not finite, the first in row"
                f" {start + bad[0]}; check the checkpoint and the picture of that row"
            )
