"""Cross-entropy over classes, of the samples that have one (UniCL eq. 4)."""

import numpy as np


def cross_entropy(ops, logits, labels, *, smoothing=0.0, mixed=None):
    """(sum of the losses, how many there are): -sum over classes of target x log softmax(logits), both scalars.

    logits: [B, K]. labels: int [B], -1 for none, which counts for nothing. smoothing: this much of a target is shared
    by all classes. mixed: None, or (int [B], [B]): the class of a second picture that is in the picture, and the share
    of the first; what has no class is left out, and the rest counts for as much as it is of the picture.
    """
    right = _one_hot(ops, labels, logits.shape)
    if mixed is not None:
        share = ops.reshape(mixed[1], (logits.shape[0], 1))
        right = right * share + _one_hot(ops, mixed[0], logits.shape) * (1.0 - share)
    known = ops.sum(right, 1, True)
    target = right * (1 - smoothing) + known * (smoothing / logits.shape[1])
    return -ops.sum(ops.log_softmax(logits, 1) * target, (0, 1)), ops.sum(known, (0, 1))


def _one_hot(ops, labels, shape):  # int [B] -> [B, K]
    numbers = ops.constant(np.arange(shape[1], dtype=np.int32)[None])
    return ops.cast(ops.equal(ops.reshape(labels, (shape[0], 1)), numbers), "float")


def mean(ops, total, count):
    return total / ops.maximum(count, ops.constant(np.ones((), np.float32)))
