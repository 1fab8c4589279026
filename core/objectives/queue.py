"""A queue of features that were seen before, and the nearest of them (DeCLIP, Li et al. 2022, section 3.2)."""

ROWS = 256  # of a chunk: beside 65,536 entries their similarities are 64 MB in float32


def nearest(ops, v, seen, *, chunk=ROWS):
    """Of each row of v [N, D] the most similar entry of `seen` [Q, D], both unit rows -> [N, D]. No gradient.

    chunk: how many rows are compared at a time; similarities [N, Q] never stand whole.
    """
    v, columns = ops.stop_gradient(v), ops.transpose(seen, (1, 0))
    parts = [v[start : start + chunk] for start in range(0, v.shape[0], chunk)]
    found = [ops.take(seen, ops.argmax(ops.matmul(part, columns), 1)) for part in parts]
    return ops.stop_gradient(ops.concat(found, 0) if len(found) > 1 else found[0])


def pushed(ops, seen, new):
    """The queue [Q, D] with rows [N, D] behind its last one, in order; so many of its first leave it -> [Q, D]."""
    size, together = seen.shape[0], ops.concat((seen, ops.stop_gradient(new)), 0)
    return together[together.shape[0] - size :]
