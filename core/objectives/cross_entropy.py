"""Cross-entropy over classes, of the samples that have one (UniCL eq. 4)."""

import numpy as np


def cross_entropy(ops, logits, labels, smoothing=0.0):
    """(sum of the losses, how many there are): -sum over classes of target x log softmax(logits), both scalars.

    logits: [B, K]. labels: int [B], -1 for none, which counts for nothing. smoothing: this much of a target is shared by all
    classes.
    """
    batch, classes = logits.shape
    labels = ops.reshape(labels, (batch, 1))
    right = ops.cast(ops.equal(labels, ops.constant(np.arange(classes, dtype=np.int32)[None])), "float")
    known = ops.sum(right, 1, True)
    target = right * (1 - smoothing) + known * (smoothing / classes)
    return -ops.sum(ops.log_softmax(logits, 1) * target, (0, 1)), ops.sum(known, (0, 1))


def mean(ops, total, count):
    return total / ops.maximum(count, ops.constant(np.ones((), np.float32)))
