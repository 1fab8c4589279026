"""Symmetric InfoNCE (CLIP), its targets smoothed (PyramidCLIP eqs.

1 to 3) or shared by equal labels (UniCL eqs. 1 to 3).
"""

import numpy as np

ONE = np.ones((), np.float32)
FAR = 1e4  # what a dropped column's logit is lowered by: beyond any scale up to 100, finite in every precision
LEAST = 1e-12  # a sum of targets that is divided by; smaller ones are of rows that count for nothing
BOTH = ("i2t", "t2i")


def infonce(ops, u, v, scale, *, alpha=0.0, present=None, rows=None, labels=None, directions=BOTH, mixed=None):
    """Mean over directions and samples of the cross-entropy between softmax(scale u.v) and the targets: a scalar.

    u, v: [N, D], unit rows, row i of one a positive of row i of the other; scale: scalar, exp(logit_scale).
    alpha: of each target, alpha is shared by the negatives and 1 - alpha by the positives (PyramidCLIP eq. 2); all is
    theirs where there is no negative.
    present: [N] of 1 and 0, or None. A sample that is 0 is neither row, column nor negative, and N counts those left;
    with fewer than two left the result is 0.
    rows: (start, stop), or None for all. The part of the mean that these samples contribute, as rows of either
    direction against all columns: the parts of rows that divide 0..N add up to the whole, and no rank computes N x N.
    labels: int [N, K], or None: then each sample is its own only positive. Samples that are equal in all K are each
    other's. directions: "i2t", whose rows are images (u), "t2i", whose rows are texts, or both.
    mixed: None, or (int [N, K], [N]): the label of a second picture that is in picture i, and the share of the first.
    An image's target is divided among the texts of either label, share to 1 - share; a text's among the images by how
    much of its label is in each.
    """
    if present is None:
        if u.shape[0] < 2:
            return ops.sum(ops.sum(u * v, 1) * 0.0 * scale, 0)
        weight, count = None, u.shape[0]
    else:
        weight, count = present, ops.maximum(ops.sum(present, 0), ops.constant(2 * ONE))
        enough = ops.cast(ops.less(ops.constant(ONE), ops.sum(present, 0)), "float")
    own = None if weight is None else _own(weight, rows)
    if labels is None:
        paired = _own(ops.sum(u * v, 1) * scale, rows)
        targets = dict.fromkeys(directions)
    else:
        targets = _targets(ops, labels, mixed, weight, rows)
    total = 0.0
    for direction, logits in zip(directions, _logits(ops, u, v, scale, rows, directions)):
        target = targets[direction]
        positive = paired if target is None else ops.sum(logits * target, 1)
        total = total + ops.sum(_rows(ops, logits, positive, target, alpha, weight, own, count), 0)
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


def same_label(ops, labels, others, weight):  # int [n, K], [N, K] -> [n, N]
    """1 where a column, one that is present, has the row's label."""
    same = 1.0 if weight is None else weight
    for k in range(labels.shape[1]):
        alike = ops.equal(labels[:, k : k + 1], ops.transpose(others[:, k : k + 1], (1, 0)))
        same = ops.cast(alike, "float") * same
    return same


def _targets(ops, labels, mixed, weight, rows):
    """{direction: [n, N]}, rows that add up to 1; to 0 where there is no positive: of absent samples, and of a text
    whose picture was mixed away."""
    own = same_label(ops, _own(labels, rows), labels, weight)
    if mixed is None:
        return dict.fromkeys(BOTH, divided(ops, own))
    others, share = mixed
    second = same_label(ops, _own(others, rows), labels, weight)
    part = ops.reshape(_own(share, rows), (own.shape[0], 1))
    contained = own * share + same_label(ops, _own(labels, rows), others, weight) * (1.0 - share)
    return {"i2t": divided(ops, own) * part + divided(ops, second) * (1.0 - part), "t2i": divided(ops, contained)}


def divided(ops, x):  # [n, N] -> rows that add up to 1
    return x / ops.maximum(ops.sum(x, 1, True), ops.constant(LEAST * ONE))


def _rows(ops, logits, positive, target, alpha, weight, own, count):
    """[n, N] -> [n]: -sum over j of target_ij log softmax(logits)_ij. weight [N], own [n]: who is present, or None.

    That is logsumexp times the sum of the targets, 1, minus the target-weighted sum of logits. positive: that sum, [n],
    before any smoothing; target: [n, N], None where each row has one positive.
    """
    columns = logits if weight is None else logits - (1.0 - weight) * FAR
    loss = ops.logsumexp(columns, 1)
    loss = (loss if target is None else loss * ops.sum(target, 1)) - positive
    if alpha and target is None:
        everything = ops.sum(logits if weight is None else logits * weight, 1)
        loss = loss + (positive - (everything - positive) / (count - 1.0)) * alpha
    elif alpha:
        negative = ops.cast(ops.less(target, ops.constant(LEAST * ONE)), "float")
        negative = negative if weight is None else negative * weight
        some = ops.cast(ops.less(ops.constant(0 * ONE), ops.sum(negative, 1)), "float") * ops.sum(target, 1)
        loss = loss + (positive - ops.sum(logits * divided(ops, negative), 1)) * some * alpha
    return loss if own is None else loss * own
