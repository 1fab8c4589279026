"""Masked language modelling: the true ids of the words that were hidden (LightCLIP eqs. 14 and 15)."""

import numpy as np

from tandemclip.core.objectives.carried import carried

ROWS = 1024  # of a chunk: with a vocabulary of 49,408, logits of 200 MB in float32


def masked_language(
    ops, tokens, places, targets, chosen, weight, bias, *, per_sample=False, chunk=ROWS
):  # -> scalar, scalar
    """(sum of the cross-entropies of the chosen words, how many words there are).

    tokens: [B, L, D], what the tower gave. places, targets: int [B, K], where the chosen words are and their true ids;
    chosen: [B, K], 1 for a word, 0 for what fills up. weight [V, D], bias [V]: the classifier.
    per_sample: (sum of each text's mean, how many texts have a chosen word), with which the mean is that of eq. 14. The
    equation says nothing of texts without one: they count for nothing.
    chunk: how many words are classified at a time. Neither logits [B K, V] nor a gradient of them ever stand whole.
    """
    batch, count, width = *places.shape, tokens.shape[2]
    words = ops.reshape(ops.pick(tokens, places), (batch * count, width))
    own = ops.sum(chosen, 1, True)
    some = ops.minimum(own, ops.constant(np.ones((1, 1), np.float32)))
    share = chosen / (own + (1.0 - some)) if per_sample else chosen
    share, targets = ops.reshape(share, (batch * count, 1)), ops.reshape(targets, (batch * count, 1))
    total = _classified(ops, words, weight, bias, targets, share, chunk)
    return total, ops.sum(some if per_sample else own, (0, 1))


def _classified(ops, words, weight, bias, targets, share, chunk):
    """Sum over rows of share x cross-entropy: a scalar. words [N, D], targets int [N, 1], share [N, 1].

    An engine that differentiates this keeps the logits of all chunks until the backward pass. So each chunk's gradient
    is computed with its value, and its logits are dropped.
    """
    inputs = [ops.widen(x) for x in (words, weight, bias)]
    words, weight, bias = (ops.stop_gradient(x) for x in (words, weight, bias))
    total, by_words, by_weight, by_bias = 0.0, [], 0.0, 0.0
    for start in range(0, words.shape[0], chunk):
        some, part = words[start : start + chunk], share[start : start + chunk]
        value, slope = _chunk(ops, ops.linear(some, weight, bias), targets[start : start + chunk], part)
        total = total + value
        by_words.append(ops.widen(ops.matmul(slope, weight)))
        by_weight = by_weight + ops.widen(ops.matmul(ops.transpose(slope, (1, 0)), some))
        by_bias = by_bias + ops.sum(slope, 0)
    by_words = ops.concat(by_words, 0) if len(by_words) > 1 else by_words[0]
    return carried(ops, total, inputs, (by_words, by_weight, by_bias))


def _chunk(ops, logits, targets, share):  # [n, V], int [n, 1], [n, 1] -> scalar, its gradient [n, V] by the logits
    log = ops.log_softmax(logits, 1)
    numbers = ops.constant(np.arange(logits.shape[1], dtype=np.int32)[None])
    right = ops.cast(ops.equal(targets, numbers), "float")
    return -ops.sum(log * right * share, (0, 1)), (ops.exp(log) - right) * share
