"""Symmetric InfoNCE (CLIP), its targets smoothed (PyramidCLIP eqs. 1 to 3) or shared by equal labels (UniCL eqs. 1 to 3)."""

import numpy as np

ONE = np.ones((), np.float32)
FAR = 1e4  # what a dropped column's logit is lowered by: beyond any scale up to 100, finite in every precision
BOTH = ("i2t", "t2i")


def infonce(ops, u, v, scale, alpha=0.0, present=None, rows=None, labels=None, directions=BOTH):
    """Mean over directions and samples of the cross-entropy between softmax(scale u.v) and the targets: a scalar.

    u, v: [N, D], unit rows, row i of one a positive of row i of the other; scale: scalar, exp(logit_scale).
    alpha: of each target, alpha is shared by the negatives and 1 - alpha by the positives (PyramidCLIP eq. 2); all is theirs
    where there is no negative.
    present: [N] of 1 and 0, or None. A sample that is 0 is neither row, column nor negative, and N counts those left; with
    fewer than two left the result is 0.
    rows: (start, stop), or None for all. The part of the mean that these samples contribute, as rows of either direction
    against all columns: the parts of rows that divide 0..N add up to the whole, and no rank computes N x N.
    labels: int [N, K], or None: then each sample is its own only positive. Samples that are equal in all K are each other's.
    directions: "i2t", whose rows are images (u), "t2i", whose rows are texts, or both.
    """
    if present is None:
        if u.shape[0] < 2:
            return ops.sum(ops.sum(u * v, 1) * 0.0 * scale, 0)
        weight, count = None, u.shape[0]
    else:
        weight, count = present, ops.maximum(ops.sum(present, 0), ops.constant(2 * ONE))
        enough = ops.cast(ops.less(ops.constant(ONE), ops.sum(present, 0)), "float")
    own = None if weight is None else _own(weight, rows)
    same = None if labels is None else _same(ops, labels, weight, rows)
    paired = _own(ops.sum(u * v, 1) * scale, rows) if same is None else None
    total = 0.0
    for logits in _logits(ops, u, v, scale, rows, directions):
        total = total + ops.sum(_rows(ops, logits, paired, same, alpha, weight, own, count), 0)
    total = total / count / len(directions)
    return total if present is None else total * enough


def _own(x, rows):
    return x if rows is None else x[rows[0] : rows[1]]


def _logits(ops, u, v, scale, rows, directions):
    """[n, N] each: images by texts and texts by images, n the given rows."""
    if rows is None and directions == BOTH:
        logits = ops.matmul(u, ops.transpose(v, (1, 0))) * scale
        return logits, ops.transpose(logits, (1, 0))  # one product serves both
    pairs = {"i2t": (u, v), "t2i": (v, u)}
    return tuple(ops.matmul(_own(x, rows), ops.transpose(y, (1, 0))) * scale for x, y in (pairs[d] for d in directions))


def _same(ops, labels, weight, rows):  # int [N, K] -> [n, N]
    """1 where a column, one that is present, has the row's label."""
    same = 1.0 if weight is None else weight
    for k in range(labels.shape[1]):
        columns = labels[:, k : k + 1]
        alike = ops.equal(_own(columns, rows), ops.transpose(columns, (1, 0)))
        same = ops.cast(alike, "float") * same
    return same


def _rows(ops, logits, paired, same, alpha, weight, own, count):
    """[n, N] -> [n]: -sum over j of target_ij log softmax(logits)_ij. weight [N], own [n]: who is present, or None.

    As the targets of a row sum to 1, that is logsumexp minus the target-weighted sum of logits: no target matrix.
    paired: [n], the logits of the positives, where `same`, [n, N], does not say that there are more.
    """
    columns = logits if weight is None else logits - (1.0 - weight) * FAR
    positives, positive = 1.0, paired
    if same is not None:
        positives = ops.maximum(ops.sum(same, 1), ops.constant(ONE))  # of an absent row, which counts for nothing, none
        positive = ops.sum(logits * same, 1) / positives
    loss = ops.logsumexp(columns, 1) - positive
    if alpha:
        everything = ops.sum(logits if weight is None else logits * weight, 1)
        negatives = count - positives
        if same is not None:
            alpha = ops.cast(ops.less(ops.constant(0 * ONE), negatives), "float") * alpha
            negatives = ops.maximum(negatives, ops.constant(ONE))
        loss = loss + (positive - (everything - positive * positives) / negatives) * alpha
    return loss if own is None else loss * own
