"""What a classification is measured by: the one place that knows which metrics scores give."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from tandemclip.core.answers import of_classes
from tandemclip.core.errors import UserError
from tandemclip.core.hits import Hits
from tandemclip.core.methods.method import Method
from tandemclip.core.scored import NOT_ASKED, AveragePrecision, RocAuc, Scored
from tandemclip.core.statistic import Statistic

TOP1, TOP5, MEAN_PER_CLASS, MAP11, ROC_AUC = "top1", "top5", "mean_per_class", "map11", "roc_auc"


def class_metrics(classes: int, multi_label: bool = False) -> list[str]:
    """The names of what `class_statistics` gives of so many classes. Of five or fewer the right one always is among the
    first five: no figure. The area under the curve is of two classes.
    """
    if multi_label:
        return [MAP11]
    return [*hit_metrics(classes), *([ROC_AUC] if classes == 2 else [])]


def hit_metrics(classes: int) -> list[str]:
    """The names of what `class_hits` gives."""
    return [TOP1, *([TOP5] if classes > 5 else []), MEAN_PER_CLASS]


def refuse_classless(protocol: str, method: Method) -> None:
    """UserError where a method has no classes of its own, and so cannot be asked for them."""
    if not method.classes:
        raise UserError(
            f"{protocol}: {type(method).__name__} has no classes of its own; measure it by its texts, its nearest "
            "neighbours or a linear probe"
        )


def class_statistics(
    scores: np.ndarray | Iterable[np.ndarray],
    truth: np.ndarray,
    classes: int,
    remarks: tuple[str, ...] = (),
    names: tuple[str, ...] = (),
) -> dict[str, Statistic]:
    """scores: [N, C], of each class the higher the likelier, or some images after others, [n, C] each -> the metrics of
    `class_metrics`. C is `classes`; scores of different images are compared where the metric is one of scores.

    truth: [N] int, the class of each image, -1 where it is not asked; or [N, C] int8, of each class 1 yes, 0 no, -1 not
    asked (`Record.present`). remarks: of all metrics. names: of the classes, for people. UserError for what does not
    fit, and where nothing is asked.
    """
    blocks = [scores] if isinstance(scores, np.ndarray) else scores
    if truth.ndim == 2:
        return {MAP11: _scored(AveragePrecision, np.concatenate(list(blocks)), truth, remarks)}
    if classes != 2:
        return {**class_hits(ranked(blocks), truth, classes, remarks, names)}
    whole = np.concatenate(list(blocks))
    hits = class_hits(ranked([whole]), truth, classes, remarks, names)
    present = np.where(truth < 0, NOT_ASKED, truth).astype(np.int8)[:, None]
    return {**hits, ROC_AUC: _scored(RocAuc, whole[:, 1:] - whole[:, :1], present, remarks)}


def _scored(kind: type[Scored], scores: np.ndarray, present: np.ndarray, remarks: tuple[str, ...]) -> Scored:
    """What a figure of scores would not say goes into its remarks."""
    if scores.shape != present.shape or not (present != NOT_ASKED).any() or not np.isfinite(scores).all():
        raise UserError(
            f"got scores {scores.shape} for answers {present.shape}, of which {(present != NOT_ASKED).sum()} are asked;"
            " expected a finite score of each class for each picture, and some answer: check that the set is not empty "
            "and that both are of the same classes"
        )
    found = kind(scores, present)
    if found.undefined:
        told = f"{found.undefined} of {present.shape[1]} classes have no figure, and are left out: {kind.needs}"
        remarks = (*remarks, told)
    if ties := sum(each.ties for each in found.rankings):
        remarks = (*remarks, f"{ties:,} times a picture of a class has the score of one without it: {kind.tied}")
    return replace(found, remarks=remarks)


def ranked(scores: Iterable[np.ndarray], top: int = 5) -> np.ndarray:
    """Scores of some images after others, [n, C] each -> [N, min(top, C)] int: the classes of each image by falling
    score, of equal ones the lower first; -1 in place of those of score -inf, which are never named.
    """
    return np.concatenate([_best(part, top) for part in scores])


def _best(scores: np.ndarray, top: int) -> np.ndarray:
    order = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    return np.where(np.isneginf(np.take_along_axis(scores, order, 1)), -1, order)


def class_hits(
    predicted: np.ndarray,
    labels: np.ndarray,
    classes: int,
    remarks: tuple[str, ...] = (),
    names: tuple[str, ...] = (),
) -> dict[str, Hits]:
    """predicted [N, K] classes by rank, labels [N] int (-1: not asked) -> the metrics of one right class.

    mean_per_class: the mean of the shares of each class that has images; an image weighs 1 / images of its class.
    Guessing gets 1 / classes, and 5 / classes of five. remarks: of all of them. names: of the classes, for people.
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
        TOP1: Hits(right[:, 0], asked, 1.0, 1 / classes, remarks, of_classes(predicted, labels, names)),
        TOP5: Hits(right[:, :5].any(1), asked, 1.0, min(1.0, 5 / classes), remarks),
        MEAN_PER_CLASS: Hits(right[:, 0], asked, weights, 1 / classes, remarks),
    }
    return {name: found[name] for name in hit_metrics(classes)}
