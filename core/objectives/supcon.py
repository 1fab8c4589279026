"""Supervised contrastive loss (Khosla et al. 2020, L_out of eq. 2)."""

import numpy as np

from tandemclip.core.objectives.targets import FAR, divided, same_label


def supcon(ops, views, labels, scale, *, rows=None):
    """Mean over all views of all samples of -1/|P(i)| sum over P(i) of log softmax(scale z_i.z) : a scalar.

    views: two or more of [N, D], unit rows. labels: int [N, K]; P(i) are the other views of sample i and all views of
    samples that are equal in all K; a view is no column of its own row. rows: the part of the mean that these samples
    contribute, as in `infonce`.
    """
    count, start, stop = views[0].shape[0], *(rows or (0, views[0].shape[0]))
    everything = ops.concat(tuple(views), 0)
    alike = same_label(ops, labels[start:stop], labels, None)
    alike = ops.concat((alike,) * len(views), 1)
    places = ops.constant(np.arange(count * len(views), dtype=np.int32)[None])
    total = 0.0
    for i, view in enumerate(views):
        own = ops.constant(np.arange(i * count + start, i * count + stop, dtype=np.int32)[:, None])
        itself = ops.cast(ops.equal(own, places), "float")
        logits = ops.matmul(view[start:stop], ops.transpose(everything, (1, 0))) * scale - itself * FAR
        target = divided(ops, alike - itself)
        loss = ops.logsumexp(logits, 1) - ops.sum(logits * target, 1)
        total = total + ops.sum(loss, 0)
    return total / (count * len(views))
