"""What a classification is measured by."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tandemclip.core.errors import UserError
from tandemclip.core.hits import Hits

TOP1, TOP5, MEAN_PER_CLASS = "top1", "top5", "mean_per_class"


def class_metrics(classes: int) -> list[str]:
    """The names of what `class_hits` gives of so many classes. Of five or fewer the right one always is among the first
    five: no figure.
    """
    return hit_metrics(classes)


def hit_metrics(classes: int) -> list[str]:
    """The names of what `class_hits` gives."""
    return [TOP1, *([TOP5] if classes > 5 else []), MEAN_PER_CLASS]


def ranked(scores: Iterable[np.ndarray], top: int = 5) -> np.ndarray:
    """Scores of some images after others, [n, C] each -> [N, min(top, C)] int: the classes of each image by falling
    score, of equal ones the lower first; -1 in place of those of score -inf, which are never named.
    """
    return np.concatenate([_best(part, top) for part in scores])


def _best(scores: np.ndarray, top: int) -> np.ndarray:
    order = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    return np.where(np.isneginf(np.take_along_axis(scores, order, 1)), -1, order)


def class_hits(
    predicted: np.ndarray, labels: np.ndarray, classes: int, remarks: tuple[str, ...] = ()
) -> dict[str, Hits]:
    """predicted [N, K] classes by rank, labels [N] int (-1: not asked) -> the metrics of `class_metrics`.

    mean_per_class: the mean of the shares of each class that has images; an image weighs 1 / images of its class.
    Guessing gets 1 / classes, and 5 / classes of five. remarks: of all of them.
    """
    asked = labels >= 0
    if labels.shape != predicted.shape[:1] or not asked.any() or labels.max() >= classes:
        raise UserError(
            f"got predictions {predicted.shape} for labels {labels.shape} from {labels.min(initial=0)} to"
            f" {labels.max(initial=-1)}; expected [N, K] and [N] with labels up to {classes - 1}, -1 for none: check"
            " that the set is not empty and that both are of the same classes"
        )
    right = (predicted == labels[:, None]) & asked[:, None]
    images = np.bincount(labels[asked], minlength=classes)
    weights = np.where(asked, 1 / np.maximum(images[labels], 1), 0.0)
    present = np.flatnonzero(images)
    if len(present) == 1 < classes:
        remarks = (*remarks, f"all {asked.sum():,} images are of one class, number {present[0]} of {classes}")
    found = {
        TOP1: Hits(right[:, 0], asked, 1.0, 1 / classes, remarks),
        TOP5: Hits(right[:, :5].any(1), asked, 1.0, min(1.0, 5 / classes), remarks),
        MEAN_PER_CLASS: Hits(right[:, 0], asked, weights, 1 / classes, remarks),
    }
    return {name: found[name] for name in hit_metrics(classes)}
