"""What each function of the vocabulary gives: (shape, kind) from the shapes of its arguments, one short rule each.

Arguments arrive as symbols (`.shape`, `.kind`), numbers or tuples. A rule raises ValueError on shapes that do not fit.
"""

import builtins  # sum and max are names of the vocabulary here

import numpy as np


def broadcast(*arrays):
    return np.broadcast_shapes(*(getattr(x, "shape", ()) for x in arrays))


def kind_of(*arrays):
    kinds = {x.kind for x in arrays if hasattr(x, "kind")}
    if len(kinds) > 1:
        raise ValueError(f"kinds {sorted(kinds)} are mixed; cast first")
    return kinds.pop()


def same(x, *_, **__):
    return x.shape, x.kind


exp = log = sqrt = rsqrt = tanh = sigmoid = relu = gelu = quick_gelu = stop_gradient = same
softmax = log_softmax = l2_normalize = layer_norm = batch_norm_inference = negative = same


def arithmetic(x, y):
    return broadcast(x, y), kind_of(x, y)


add = subtract = multiply = divide = maximum = minimum = arithmetic


def getitem(x, index):
    return np.broadcast_to(np.False_, x.shape)[index].shape, x.kind


def cast(x, kind):
    return x.shape, kind


def where(condition, x, y):
    return broadcast(condition, x, y), kind_of(x, y)


def equal(x, y):
    return broadcast(x, y), "bool"


less = equal


def reshape(x, shape):
    if np.prod(x.shape, dtype=int) != np.prod(shape, dtype=int):
        raise ValueError(f"{x.shape} does not reshape to {tuple(shape)}")
    return tuple(shape), x.kind


def transpose(x, axes):
    return tuple(x.shape[i] for i in axes), x.kind


def broadcast_to(x, shape):
    if np.broadcast_shapes(x.shape, tuple(shape)) != tuple(shape):
        raise ValueError(f"{x.shape} does not broadcast to {tuple(shape)}")
    return tuple(shape), x.kind


def concat(arrays, axis):
    shape = list(arrays[0].shape)
    for x in arrays[1:]:
        if [n for i, n in enumerate(x.shape) if i != axis] != [n for i, n in enumerate(shape) if i != axis]:
            raise ValueError(f"{[x.shape for x in arrays]} do not join along axis {axis}")
    shape[axis] = builtins.sum(x.shape[axis] for x in arrays)
    return tuple(shape), kind_of(*arrays)


def stack(arrays, axis):
    shape = list(arrays[0].shape)
    if any(x.shape != arrays[0].shape for x in arrays):
        raise ValueError(f"{[x.shape for x in arrays]} are not equal")
    shape.insert(axis if axis >= 0 else len(shape) + 1 + axis, len(arrays))
    return tuple(shape), kind_of(*arrays)


def reduced(x, axis, keepdims=False):
    axes = {a % len(x.shape) for a in ((axis,) if isinstance(axis, int) else axis)}
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(x.shape)), x.kind
    return tuple(n for i, n in enumerate(x.shape) if i not in axes), x.kind


sum = mean = max = logsumexp = reduced


def argmax(x, axis):
    return reduced(x, axis)[0], "int"


def take(table, ids):
    return (*ids.shape, *table.shape[1:]), table.kind


def matmul(x, y):
    if x.shape[:-2] != y.shape[:-2] or x.shape[-1] != y.shape[-2]:
        raise ValueError(f"{x.shape} @ {y.shape} do not fit")
    return (*x.shape[:-1], y.shape[-1]), kind_of(x, y)


def linear(x, weight, bias=None):
    if x.shape[-1] != weight.shape[1]:
        raise ValueError(f"{x.shape} does not fit the weight {weight.shape} [outputs, inputs]")
    return (*x.shape[:-1], weight.shape[0]), kind_of(x, weight)


def conv2d(x, weight, stride=1, padding=0, groups=1):
    batch, channels, height, width = x.shape
    outputs, inputs, *kernel = weight.shape
    if channels != inputs * groups:
        raise ValueError(f"{x.shape} does not fit the weight {weight.shape} with {groups} groups")
    size = [(n + 2 * padding - k) // stride + 1 for n, k in zip((height, width), kernel)]
    return (batch, outputs, *size), kind_of(x, weight)


def avg_pool2d(x, size):
    return (*x.shape[:2], x.shape[2] // size, x.shape[3] // size), x.kind


def batch_norm(x, weight, bias, eps):
    statistic = ((x.shape[1],), x.kind)
    return (x.shape, x.kind), statistic, statistic


def attention(q, k, v, mask=None, causal=False):
    if q.shape[-1] != k.shape[-1] or k.shape[:-1] != v.shape[:-1] or q.shape[:2] != k.shape[:2]:
        raise ValueError(f"q {q.shape}, k {k.shape}, v {v.shape} do not fit")
    return (*q.shape[:-1], v.shape[-1]), kind_of(q, k, v)
