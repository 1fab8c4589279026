"""Kinds of target of a contrastive loss: what each row of logits should say.

A kind is an object with `losses`, which gives for each direction the cross-entropy of the rows, [n]: a function of
their logsumexp, [n], and their logits, [n, N]. No gradient goes through a target.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from tandemclip.core.ops import Array, Ops

ONE = np.ones((), np.float32)
FAR = 1e4  # what a dropped column's logit is lowered by: beyond any scale up to 100, finite in every precision
LEAST = 1e-12  # a sum of targets that is divided by; smaller ones are of rows that count for nothing
BOTH = ("i2t", "t2i")  # rows are images and columns texts, and the other way round

RowLosses = dict[str, Callable[[Array, Array], Array]]  # {direction: (logsumexp [n], logits [n, N]) -> [n]}


@dataclass(frozen=True)
class Batch:
    """What a target is made from: the batch, and the rows that are asked for.

    u, v: [N, D], unit rows. scale: scalar, what their dot products are multiplied by. weight: [N] of 1 and 0, who is
    present, None where all are. count: how many are. rows: (start, stop) of the n rows, None where n is N.
    """

    u: Array
    v: Array
    scale: Array
    weight: Array | None
    count: Array | int
    rows: tuple[int, int] | None

    def own(self, x: Array) -> Array:  # [N, ...] -> [n, ...]
        return x if self.rows is None else x[self.rows[0] : self.rows[1]]

    def paired(self, ops: Ops) -> Array:  # [n]
        """The logit of each row's own pair."""
        return self.own(ops.sum(self.u * self.v, 1) * self.scale)

    def mean_negative(self, ops: Ops, logits: Array, paired: Array) -> Array:  # [n, N], [n] -> [n]
        """The mean logit of those that are present and not the row's own pair."""
        everything = ops.sum(logits if self.weight is None else logits * self.weight, 1)
        return (everything - paired) / (self.count - 1.0)

    def negatives_only(self, ops: Ops, x: Array) -> Array:  # [n, N] -> [n, N]
        """x, lowered by FAR in columns that are absent or the row's own pair."""
        start, stop = self.rows or (0, x.shape[1])
        rows, columns = np.arange(start, stop, dtype=np.int32)[:, None], np.arange(x.shape[1], dtype=np.int32)[None]
        x = x - ops.constant((rows == columns).astype(np.float32)) * FAR
        return x if self.weight is None else x - (1.0 - self.weight) * FAR


class TargetKind(Protocol):
    def losses(self, ops: Ops, batch: Batch) -> RowLosses: ...


@dataclass(frozen=True)
class Pairs:
    """Each sample is its own only positive. alpha: this much of a target is shared by the negatives, in equal parts
    (PyramidCLIP eq. 2, LightCLIP eq. 6); 0 is the one-hot target (LightCLIP eqs. 4 and 5).
    """

    alpha: float = 0.0

    def losses(self, ops, batch):
        return dict.fromkeys(BOTH, partial(self._loss, ops, batch, batch.paired(ops)))

    def _loss(self, ops, batch, paired, normaliser, logits):
        loss = normaliser - paired
        if not self.alpha:
            return loss
        return loss + (paired - batch.mean_negative(ops, logits, paired)) * self.alpha


@dataclass(frozen=True)
class Softened:
    """(1 - uniform - importance) one-hot + uniform / (N - 1) on each negative + importance x softmax over the
    negatives' similarities (LightCLIP eqs. 4 to 8), of the row: an image's go over texts, a text's over images.

    uniform, importance: scalars, which may be arrays, so that one program serves targets that change. The similarities
    are plain dot products (eq. 2); scaled: the logits, which are `scale` times as large. Eq. 8 prints the label y where
    the text below it says similarity scores; softmax over labels would be eq. 6 again.
    """

    uniform: Array | float
    importance: Array | float
    scaled: bool = False

    def losses(self, ops, batch):
        return dict.fromkeys(BOTH, partial(self._loss, ops, batch, batch.paired(ops)))

    def _loss(self, ops, batch, paired, normaliser, logits):
        weights = self.negative_weights(ops, batch, logits)
        evenly = (paired - batch.mean_negative(ops, logits, paired)) * self.uniform
        by_importance = (paired - ops.sum(logits * weights, 1)) * self.importance
        return normaliser - paired + evenly + by_importance

    def negative_weights(self, ops: Ops, batch: Batch, logits: Array) -> Array:  # [n, N] -> [n, N]
        """Rows that add up to 1, 0 for a row's own pair and for who is absent."""
        similarities = ops.stop_gradient(logits)
        if not self.scaled:
            similarities = similarities / ops.stop_gradient(batch.scale)
        return ops.softmax(batch.negatives_only(ops, similarities), 1)


@dataclass(frozen=True)
class EqualLabels:
    """Samples of equal label are each other's positives, in equal parts (UniCL eqs. 1 to 3).

    labels: int [N, K], equal where all K are. alpha: this much of a target is shared by the negatives, where there are
    any.
    """

    labels: Array
    alpha: float = 0.0

    def losses(self, ops, batch):
        target = divided(ops, same_label(ops, batch.own(self.labels), self.labels, batch.weight))
        return dict.fromkeys(BOTH, partial(_of_targets, ops, batch, target, self.alpha))


@dataclass(frozen=True)
class MixedLabels:
    """Equal labels, where picture i also holds a second picture.

    labels, others: int [N, K], of the first and of the second. share: [N], of the first. An image's target is divided
    among the texts of either label, share to 1 - share; a text's among the images by how much of its label is in each.
    It is 0 for a text whose picture was mixed away. alpha: as in `EqualLabels`.
    """

    labels: Array
    others: Array
    share: Array
    alpha: float = 0.0

    def losses(self, ops, batch):
        first, weight = batch.own(self.labels), batch.weight
        own = same_label(ops, first, self.labels, weight)
        second = same_label(ops, batch.own(self.others), self.labels, weight)
        part = ops.reshape(batch.own(self.share), (own.shape[0], 1))
        contained = own * self.share + same_label(ops, first, self.others, weight) * (1.0 - self.share)
        images = divided(ops, own) * part + divided(ops, second) * (1.0 - part)
        targets = {"i2t": images, "t2i": divided(ops, contained)}
        return {name: partial(_of_targets, ops, batch, x, self.alpha) for name, x in targets.items()}


def same_label(ops, labels, others, weight):  # int [n, K], [N, K] -> [n, N]
    """1 where a column, one that is present, has the row's label."""
    same = 1.0 if weight is None else weight
    for k in range(labels.shape[1]):
        alike = ops.equal(labels[:, k : k + 1], ops.transpose(others[:, k : k + 1], (1, 0)))
        same = ops.cast(alike, "float") * same
    return same


def divided(ops, x):  # [n, N] -> rows that add up to 1
    return x / ops.maximum(ops.sum(x, 1, True), ops.constant(LEAST * ONE))


def _of_targets(ops, batch, target, alpha, normaliser, logits):
    """logsumexp times the sum of the targets, 1 or 0, minus the target-weighted sum of logits. target: [n, N]."""
    positive = ops.sum(logits * target, 1)
    loss = normaliser * ops.sum(target, 1) - positive
    if not alpha:
        return loss
    negative = ops.cast(ops.less(target, ops.constant(LEAST * ONE)), "float")
    negative = negative if batch.weight is None else negative * batch.weight
    some = ops.cast(ops.less(ops.constant(0 * ONE), ops.sum(negative, 1)), "float") * ops.sum(target, 1)
    return loss + (positive - ops.sum(logits * divided(ops, negative), 1)) * some * alpha
