"""Symmetric InfoNCE (CLIP), against targets of any kind (core/objectives/targets.py)."""

from tandemclip.core.objectives.targets import BOTH, FAR, ONE, Batch, Pairs


def infonce(ops, u, v, scale, *, targets=Pairs(), present=None, rows=None, directions=BOTH):
    """Mean over directions and samples of the cross-entropy between softmax(scale u.v) and the targets: a scalar.

    u, v: [N, D], unit rows, row i of one a positive of row i of the other; scale: scalar, exp(logit_scale).
    targets: a kind of target: each sample its own positive, softened, or by labels.
    present: [N] of 1 and 0, or None. A sample that is 0 is neither row, column nor negative, and N counts those left;
    with fewer than two left the result is 0.
    rows: (start, stop), or None for all. The part of the mean that these samples contribute, as rows of either
    direction against all columns: the parts of rows that divide 0..N add up to the whole, and no rank computes N x N.
    directions: "i2t", whose rows are images (u), "t2i", whose rows are texts, or both.
    """
    if present is None:
        if u.shape[0] < 2:
            return ops.sum(ops.sum(u * v, 1) * 0.0 * scale, 0)
        count = u.shape[0]
    else:
        count = ops.maximum(ops.sum(present, 0), ops.constant(2 * ONE))
        enough = ops.cast(ops.less(ops.constant(ONE), ops.sum(present, 0)), "float")
    batch = Batch(u, v, scale, present, count, rows)
    own = None if present is None else batch.own(present)
    losses = targets.losses(ops, batch)
    total = 0.0
    for direction, logits in zip(directions, _logits(ops, batch, directions)):
        columns = logits if present is None else logits - (1.0 - present) * FAR
        loss = losses[direction](ops.logsumexp(columns, 1), logits)
        total = total + ops.sum(loss if own is None else loss * own, 0)
    total = total / count / len(directions)
    return total if present is None else total * enough


def _logits(ops, batch, directions):
    """[n, N] each: images by texts and texts by images, n the given rows."""
    u, v, scale = batch.u, batch.v, batch.scale
    if batch.rows is None and directions == BOTH:
        logits = ops.matmul(u, ops.transpose(v, (1, 0))) * scale
        return logits, ops.transpose(logits, (1, 0))  # one product serves both
    pairs = {"i2t": (u, v), "t2i": (v, u)}
    return tuple(ops.matmul(batch.own(x), ops.transpose(y, (1, 0))) * scale for x, y in (pairs[d] for d in directions))
