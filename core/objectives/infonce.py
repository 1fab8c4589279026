"""Symmetric InfoNCE with one-hot or smoothed targets (CLIP; PyramidCLIP eqs. 1 to 3)."""

import numpy as np

ONE = np.ones((), np.float32)
FAR = 1e4  # what a dropped column's logit is lowered by: beyond any scale up to 100, finite in every precision


def infonce(ops, u, v, scale, alpha=0.0, present=None):
    """Mean of both directions' cross-entropy between softmax(scale u.v) and the targets: a scalar.

    u, v: [N, D], unit rows, row i of one the positive of row i of the other; scale: scalar, exp(logit_scale).
    alpha: the target is 1 - alpha on the positive and alpha / (N - 1) on each negative (PyramidCLIP eq. 2).
    present: [N] of 1 and 0, or None. A sample that is 0 is neither row, column nor negative, and N counts those left; with
    fewer than two left the result is 0.
    """
    logits = ops.matmul(u, ops.transpose(v, (1, 0))) * scale
    positive = ops.sum(u * v, 1) * scale
    if present is None:
        if u.shape[0] < 2:
            return ops.sum(positive * 0.0, 0)
        weight, count = None, u.shape[0]
    else:
        weight, count = present, ops.maximum(ops.sum(present, 0), ops.constant(2 * ONE))
        enough = ops.cast(ops.less(ops.constant(ONE), ops.sum(present, 0)), "float")
    directions = (logits, ops.transpose(logits, (1, 0)))
    i2t, t2i = (ops.sum(_rows(ops, x, positive, alpha, weight, count), 0) for x in directions)
    total = (i2t + t2i) / count * 0.5
    return total if present is None else total * enough


def _rows(ops, logits, positive, alpha, weight, count):
    """[N, N], [N] -> [N]: -sum over j of target_ij log softmax(logits)_ij.

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
    return loss if weight is None else loss * weight

