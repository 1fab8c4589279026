"""SimSiam: two views of one picture predict each other (Chen and He 2021, eqs. 1 to 4)."""


def simsiam(ops, predicted, targets, *, rows=None):
    """-1/2 the mean over samples of cos(p1, z2) + cos(p2, z1): a scalar. No gradient goes through z.

    predicted, targets: p1, p2 and z1, z2, [N, D] each, of any length but 0. rows: (start, stop), or None for all: the
    part of the mean that these samples contribute.
    """
    (p1, p2), (z1, z2) = predicted, targets
    start, stop = rows or (0, p1.shape[0])
    pairs = (p1, z2), (p2, z1)
    alike = [_cosine(ops, p[start:stop], ops.stop_gradient(z[start:stop])) for p, z in pairs]
    return -ops.sum(alike[0] + alike[1], 0) / (2 * p1.shape[0])


def _cosine(ops, p, z):  # [n, D] each -> [n]
    return ops.sum(ops.l2_normalize(p, 1e-12) * ops.l2_normalize(z, 1e-12), 1)
