"""What each function of the vocabulary gives: (shape, kind) from the shapes of its arguments, one short rule each.

Arguments arrive as symbols (`.shape`, `.kind`), numbers or tuples. A rule raises ValueError on shapes or kinds that do
not fit: the recorder is the strictest interpreter, so what it takes runs everywhere.
"""

import builtins  # sum and max are names of the vocabulary here
from math import prod

import numpy as np


def require(holds, message):
    if not holds:
        raise ValueError(message)


def broadcast(*arrays):
    return np.broadcast_shapes(*(getattr(x, "shape", ()) for x in arrays))


def kind_of(*arrays):
    """The one kind of the symbols among `arrays`; numbers adapt to floats, and whole ones to ints."""
    kinds = {x.kind for x in arrays if hasattr(x, "kind")}
    if kinds == {"float", "low"}:
        return "float"  # as the engines promote
    require(len(kinds) == 1, f"kinds {sorted(kinds)} are mixed; cast first")
    kind = kinds.pop()
    require(kind != "bool", "bools take part in where and cast only; cast first")
    for x in arrays:
        require(hasattr(x, "kind") or np.ndim(x) == 0, f"a host array of shape {np.shape(x)}: make it a constant first")
        require(hasattr(x, "kind") or kind in ("float", "low") or int(x) == x, f"{x} meets an int array; cast it first")
    return kind


def floats(*arrays):
    kinds = [x.kind for x in arrays]
    require(set(kinds) == {"float"}, f"kinds {kinds}, where only floats are meant; cast first")
    return "float"


def low_or_floats(*arrays):
    """All of the one or all of the other."""
    return "low" if {x.kind for x in arrays} == {"low"} else floats(*arrays)


def axes_of(x, axis):
    """`axis`, an integer or several, as indices from 0."""
    axes = [axis] if isinstance(axis, (int, np.integer)) else list(axis)
    require(all(-len(x.shape) <= a < len(x.shape) for a in axes), f"{x.shape} has no axis {axis}")
    return [a % len(x.shape) for a in axes]


# ------------------------------------------------------------------ element by element
def stop_gradient(x):
    return x.shape, x.kind


def negative(x):
    return x.shape, kind_of(x)


def exp(x):
    return x.shape, floats(x)


log = sqrt = rsqrt = tanh = sigmoid = exp


def relu(x):
    return x.shape, low_or_floats(x)


gelu = quick_gelu = relu


def add(x, y):
    return broadcast(x, y), kind_of(x, y)


subtract = multiply = maximum = minimum = add


def divide(x, y):
    kind = kind_of(x, y)
    require(kind != "int", "ints are not divided; cast first")
    return broadcast(x, y), kind


def equal(x, y):
    kind_of(x, y)  # refuses what cannot be compared
    return broadcast(x, y), "bool"


less = equal


def cast(x, kind):
    require(kind in ("float", "int"), f"kind {kind!r} is neither 'float' nor 'int'")
    return x.shape, kind


def lower(x, precision):
    require(precision in ("bf16", "fp16"), f"precision {precision!r} is neither 'bf16' nor 'fp16'")
    return x.shape, "low" if x.kind == "float" else x.kind


def widen(x):
    return x.shape, "float" if x.kind == "low" else x.kind


def where(condition, x, y):
    require(condition.kind == "bool", f"the condition is {condition.kind}, not bool")
    return broadcast(condition, x, y), kind_of(x, y)


# ------------------------------------------------------------------ shape
def getitem(x, index):
    fits = all(i is Ellipsis or isinstance(i, (int, np.integer, slice)) and not isinstance(i, bool) for i in index)
    require(fits, f"index {index}: only integers, slices and ... are meant")
    require(all(i.step in (None, 1) for i in index if isinstance(i, slice)), f"index {index}: slices have no step")
    try:
        return np.broadcast_to(np.False_, x.shape)[index].shape, x.kind
    except IndexError as error:
        raise ValueError(f"{x.shape} has no {index}: {error}") from None


def reshape(x, shape):
    fits = all(n >= 0 for n in shape) and prod(x.shape) == prod(shape)
    require(fits, f"{x.shape} does not reshape to {tuple(shape)}")
    return tuple(shape), x.kind


def transpose(x, axes):
    require(sorted(axes) == list(range(len(x.shape))), f"{tuple(axes)} is no order of the axes of {x.shape}")
    return tuple(x.shape[i] for i in axes), x.kind


def broadcast_to(x, shape):
    fits = np.broadcast_shapes(x.shape, tuple(shape)) == tuple(shape)
    require(fits, f"{x.shape} does not broadcast to {tuple(shape)}")
    return tuple(shape), x.kind


def concat(arrays, axis):
    (joined,) = axes_of(arrays[0], axis)
    rest = [(*x.shape[:joined], *x.shape[joined + 1 :]) for x in arrays]
    fits = all(len(x.shape) == len(arrays[0].shape) for x in arrays) and all(r == rest[0] for r in rest)
    require(fits, f"{[x.shape for x in arrays]} do not join along axis {axis}")
    length = builtins.sum(x.shape[joined] for x in arrays)
    return (*rest[0][:joined], length, *rest[0][joined:]), kind_of(*arrays)


def stack(arrays, axis):
    shape = list(arrays[0].shape)
    require(all(x.shape == arrays[0].shape for x in arrays), f"{[x.shape for x in arrays]} are not equal")
    require(-len(shape) - 1 <= axis <= len(shape), f"{tuple(shape)} cannot be stacked at axis {axis}")
    shape.insert(axis % (len(shape) + 1), len(arrays))
    return tuple(shape), kind_of(*arrays)


# ------------------------------------------------------------------ reductions, looking up
def sum(x, axis, keepdims=False):
    axes = axes_of(x, axis)
    require(axes and len(set(axes)) == len(axes), f"axes {axis} are none or repeat")
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(x.shape)), kind_of(x)
    return tuple(n for i, n in enumerate(x.shape) if i not in axes), kind_of(x)


def mean(x, axis, keepdims=False):
    return sum(x, axis, keepdims)[0], floats(x)


def max(x, axis, keepdims=False):
    require(isinstance(axis, (int, np.integer)), f"axis {axis} is not one axis")
    return sum(x, axis, keepdims)


def argmax(x, axis):
    return max(x, axis)[0], "int"


def top_k(x, k):
    require(x.shape and 1 <= k <= x.shape[-1], f"{x.shape} has no {k} largest along its last axis")
    shape = (*x.shape[:-1], k)
    return (shape, kind_of(x)), (shape, "int")


def logsumexp(x, axis):
    return max(x, axis)[0], floats(x)


def take(table, ids):
    require(len(table.shape) == 2 and ids.kind == "int", f"table {table.shape}, ids of kind {ids.kind}")
    return (*ids.shape, table.shape[1]), table.kind


def pick(x, ids):
    fits = len(x.shape) >= 2 and len(ids.shape) in (1, 2) and x.shape[0] == ids.shape[0]
    require(fits and ids.kind == "int", f"x {x.shape}, ids {ids.shape} of kind {ids.kind}: not [B, N, ...], int [B, K]")
    return (*ids.shape, *x.shape[2:]), kind_of(x)


# ------------------------------------------------------------------ networks
def matmul(x, y):
    fits = len(x.shape) >= 2 and x.shape[:-2] == y.shape[:-2] and x.shape[-1] == y.shape[-2]
    require(fits, f"{x.shape} @ {y.shape} do not fit")
    return (*x.shape[:-1], y.shape[-1]), low_or_floats(x, y)


def linear(x, weight, bias=None):
    fits = len(weight.shape) == 2 and x.shape[-1:] == weight.shape[1:]
    require(fits, f"{x.shape} does not fit the weight {weight.shape} [outputs, inputs]")
    given = () if bias is None else (bias,)
    require(all(b.shape == weight.shape[:1] for b in given), f"the weight is {weight.shape} and not so the bias")
    return (*x.shape[:-1], weight.shape[0]), low_or_floats(x, weight, *given)


def conv2d(x, weight, stride=1, padding=0, groups=1):
    require(len(x.shape) == 4 and len(weight.shape) == 4, f"{x.shape} and {weight.shape} have not four axes each")
    (batch, channels, *size), (outputs, inputs, *kernel) = x.shape, weight.shape
    fits = channels == inputs * groups and kernel[0] == kernel[1]
    require(fits, f"{x.shape} does not fit the weight {weight.shape} with {groups} groups")
    require(groups == 1 or groups == channels == outputs, f"groups is 1 or the {channels} channels, not {groups}")
    require(all(n + 2 * padding >= kernel[0] for n in size), f"{x.shape} is smaller than the kernel {kernel}")
    return (batch, outputs, *((n + 2 * padding - kernel[0]) // stride + 1 for n in size)), low_or_floats(x, weight)


def avg_pool2d(x, size):
    require(len(x.shape) == 4 and min(x.shape[2:]) >= size, f"{x.shape} has no cell of {size} x {size}")
    return (*x.shape[:2], x.shape[2] // size, x.shape[3] // size), floats(x)


def softmax(x, axis):
    axes_of(x, (axis,))
    return x.shape, floats(x)


log_softmax = softmax


def l2_normalize(x, eps):
    return softmax(x, -1)


def _fit(x, width, *vectors):
    shapes = [v.shape for v in vectors]
    require(all(shape == (width,) for shape in shapes), f"{x.shape} does not fit vectors of {shapes}")


def layer_norm(x, weight, bias, eps):
    _fit(x, x.shape[-1], weight, bias)
    return x.shape, floats(x, weight, bias)


def batch_norm_inference(x, weight, bias, mean, variance, eps):
    require(len(x.shape) in (2, 4), f"{x.shape} is neither [N, C] nor [N, C, H, W]")
    vectors = (weight, bias, mean, variance)
    _fit(x, x.shape[1], *vectors)
    floats(*vectors)
    return x.shape, low_or_floats(x)


def batch_norm(x, weight, bias, eps):
    statistic = (weight.shape, "float")
    return batch_norm_inference(x, weight, bias, weight, bias, eps), statistic, statistic


def attention(q, k, v, mask=None, causal=False):
    fits = len(q.shape) == 4 and q.shape[:2] == k.shape[:2] and q.shape[-1] == k.shape[-1] and k.shape == v.shape
    require(fits, f"q {q.shape}, k {k.shape}, v {v.shape} do not fit")
    require(not causal or q.shape[2] == k.shape[2], f"causal, but {q.shape[2]} queries and {k.shape[2]} keys")
    given = () if mask is None else (mask,)
    require(all(m.shape == (k.shape[0], k.shape[2]) for m in given), f"the mask is not [B, K] for k {k.shape}")
    return q.shape, low_or_floats(q, k, v, *given)
