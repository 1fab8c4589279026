"""Symmetric InfoNCE with one-hot or smoothed targets (CLIP; PyramidCLIP eqs. 1 to 3)."""

import numpy as np

ONE = np.ones((), np.float32)
FAR = 1e4  # what a dropped column's logit is lowered by: beyond any scale up to 100, finite in every precision


def infonce(ops, u, v, scale, alpha=0.0, present=None, rows=None):
    """Mean of both directions' cross-entropy between softmax(scale u.v) and the targets: a scalar.

    u, v: [N, D], unit rows, row i of one the positive of row i of the other; scale: scalar, exp(logit_scale).
    alpha: the target is 1 - alpha on the positive and alpha / (N - 1) on each negative (PyramidCLIP eq. 2).
    present: [N] of 1 and 0, or None. A sample that is 0 is neither row, column nor negative, and N counts those left; with
    fewer than two left the result is 0.
    rows: (start, stop), or None for all. The part of the mean that these samples contribute, as rows of either direction
    against all columns: the parts of rows that divide 0..N add up to the whole, and no rank computes N x N.
    """
    positive = ops.sum(u * v, 1) * scale
    if present is None:
        if u.shape[0] < 2:
            return ops.sum(positive * 0.0, 0)
        weight, count = None, u.shape[0]
    else:
        weight, count = present, ops.maximum(ops.sum(present, 0), ops.constant(2 * ONE))
        enough = ops.cast(ops.less(ops.constant(ONE), ops.sum(present, 0)), "float")
    directions, positive = _logits(ops, u, v, scale, rows), _own(positive, rows)
    own = None if weight is None else _own(weight, rows)
    i2t, t2i = (ops.sum(_rows(ops, x, positive, alpha, weight, own, count), 0) for x in directions)
    total = (i2t + t2i) / count * 0.5
    return total if present is None else total * enough


def _own(x, rows):
    return x if rows is None else x[rows[0] : rows[1]]


def _logits(ops, u, v, scale, rows):
    """[n, N] twice: images by texts and texts by images, n the given rows."""
    if rows is None:
        logits = ops.matmul(u, ops.transpose(v, (1, 0))) * scale
        return logits, ops.transpose(logits, (1, 0))  # one product serves both
    return tuple(ops.matmul(_own(x, rows), ops.transpose(y, (1, 0))) * scale for x, y in ((u, v), (v, u)))


def _rows(ops, logits, positive, alpha, weight, own, count):
    """[n, N], [n] -> [n]: -sum over j of target_ij log softmax(logits)_ij. weight [N], own [n]: who is present, or None.

    As the targets of a row sum to 1, that is logsumexp minus the target-weighted sum of logits: no target matrix.
    """
    columns = logits if weight is None else logits - (1.0 - weight) * FAR
    loss = ops.logsumexp(columns, 1)
    if alpha:
        negative = alpha / (count - 1.0)
        everything = ops.sum(logits if weight is None else logits * weight, 1)
        loss = loss - positive * (1.0 - alpha - negative) - everything * negative
    else:
        loss = loss - positive
    return loss if own is None else loss * own
