"""A probe of features with classes, and the choice of how strongly it is regularised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tandemclip.core.evaluation.protocols.classes import MAP11, class_statistics
from tandemclip.core.evaluation.protocols.learned import Labelled
from tandemclip.core.evaluation.protocols.logistic import ITERATIONS, Classifier, fit
from tandemclip.core.evaluation.protocols.one_against_rest import OneAgainstRest, fit_each
from tandemclip.core.evaluation.protocols.strength import search


@dataclass(frozen=True)
class Chosen:
    """strength: of L2. converged: of each fit that was tried."""

    strength: float
    converged: tuple[bool, ...]


def probe(learned: Labelled, strength: float) -> Classifier | OneAgainstRest:
    """Of all classes together; one by one where a picture may have several."""
    fitted = fit_each if learned.multi_label else fit
    return fitted(learned.features, learned.truth, strength)


def choose(learned: Labelled, held: Labelled) -> Chosen:
    """The strength with which a probe of `learned` does best on `held`: is right most often; where a picture may have
    several classes, has the highest mean average precision.
    """
    converged = []

    def score(strength: float) -> float:
        found = probe(learned, strength)
        converged.append(found.converged)
        if isinstance(found, Classifier):
            return float(np.mean(found.predict(held.features) == held.truth))
        classes = held.truth.shape[1]
        return class_statistics(found.scores(held.features, classes), held.truth, classes)[MAP11].share

    return Chosen(search(score), tuple(converged))


def on_convergence(tried: Sequence[bool], measured: Sequence[bool]) -> tuple[str, ...]:
    """A remark where fits did not converge. tried, measured: whether each did, of those that chose and were asked."""
    failed, asked = sum(not each for each in (*tried, *measured)), sum(not each for each in measured)
    if not failed:
        return ()
    count = len(tried) + len(measured)
    told = "none that is measured"
    if asked:
        told = (
            f"{asked} of the {len(measured)} that are measured among them"
            if len(measured) > 1
            else "the measured one too"
        )
    return (f"{failed} of {count} fits did not converge within {ITERATIONS:,} iterations, {told}",)


def on_untold(found: Classifier | OneAgainstRest) -> tuple[str, ...]:
    """A remark where a picture may have several classes, and some of them could not be learned."""
    if isinstance(found, Classifier) or not found.untold:
        return ()
    return (
        f"{len(found.untold):,} of {len(found.offsets):,} classes, the first is number {found.untold[0]}, are in none "
        "of the pictures that are learned from, or in all: they have the same score everywhere",
    )
