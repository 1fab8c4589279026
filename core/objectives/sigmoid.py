"""Pairwise sigmoid loss (SigLIP, Zhai et al. 2023, section 3.2)."""

from tandemclip.core.objectives.carried import carried

COLUMNS = 1024  # of a chunk: with 4,096 rows, logits of 16 MB in float32


def sigmoid_pairs(ops, u, v, scale, bias, *, rows=None, chunk=COLUMNS):
    """-1/N sum over all i, j of log sigmoid(z_ij (scale u_i.v_j + bias)): a scalar. z is 1 for i = j, -1 for others.

    u, v: [N, D], unit rows, row i of one the pair of row i of the other. scale, bias: scalars, t and b of the paper.
    rows: (start, stop), or None for all. The part that these rows of u contribute, against all of v: the parts of rows
    that divide 0..N add up to the whole.
    chunk: how many columns are compared at a time. Logits [N, N] never stand whole, nor does a gradient of them.
    """
    count, (start, stop) = u.shape[0], rows or (0, u.shape[0])
    own = u[start:stop]
    # -log sigmoid(x) = softplus(x) - x: every pair as if it were a negative, and the logit of those that are not
    paired = ops.sum(own * v[start:stop], (0, 1)) * scale + bias * (stop - start)
    return (_negatives(ops, own, v, scale, bias, chunk) - paired) / count


def _negatives(ops, u, v, scale, bias, chunk):
    """Sum over all pairs of softplus(scale u_i.v_j + bias): u [n, D], v [N, D] -> a scalar.

    The gradient of each chunk is computed with its value, and its logits are dropped.
    """
    inputs = (u, v, scale, bias)
    u, v, scale, bias = (ops.stop_gradient(x) for x in inputs)
    total, by_u, by_v, by_bias = 0.0, 0.0, [], 0.0
    for start in range(0, v.shape[0], chunk):
        columns = v[start : start + chunk]
        logits = ops.matmul(u, ops.transpose(columns, (1, 0))) * scale + bias
        total = total + ops.sum(softplus(ops, logits), (0, 1))
        slope = ops.sigmoid(logits)
        by_u = by_u + ops.matmul(slope, columns)
        by_v.append(ops.matmul(ops.transpose(slope, (1, 0)), u))
        by_bias = by_bias + ops.sum(slope, (0, 1))
    by_v = ops.concat(by_v, 0) if len(by_v) > 1 else by_v[0]
    by_scale = ops.sum(by_u * u, (0, 1))  # of each logit its slope times u_i.v_j
    return carried(ops, total, inputs, (by_u * scale, by_v * scale, by_scale, by_bias))


def softplus(ops, x):
    """log(1 + exp(x)), for any x. In float32 it is off by 6e-8 at most where exp(x) is as small as that."""
    size = ops.maximum(x, -x)
    return (x + size) * 0.5 + ops.log(1.0 + ops.exp(-size))
