"""The judge: the vocabulary in numpy float64, written for clearness. No gradients."""

import math

import numpy as np

_erf = np.vectorize(math.erf, otypes=[np.float64])


class Reference:
    """An interpreter. `margin` is the smallest distance to a discrete choice that the last run came to.

    It is relative to the rms of the array at hand and covers relu (distance of an input to 0), max and argmax (gap
    between the two largest) and top_k (gaps between neighbours in the order, down to the first that is left out):
    closer than rounding, two correct programs may choose differently and their gradients part.

    stopped: what `stop_gradient` was given, in the order of the calls. An earlier run's `stopped`, handed in, takes the
    place of the run's own values: a finite difference of a loss has to hold fixed what no gradient goes through.
    """

    def __init__(self, stopped: list[np.ndarray] | None = None):
        self.margin, self.stopped = np.inf, []
        self._fixed = None if stopped is None else iter(stopped)

    def _note(self, gap, x):
        if x.dtype.kind != "f":
            return  # integers are compared exactly
        scale = np.sqrt(np.mean(x * x)) if x.size else 0.0
        if scale > 0:
            self.margin = min(self.margin, float(np.min(gap)) / scale)

    def _note_order(self, x, axis, k):
        """The gaps between the k + 1 largest along an axis."""
        count = min(k + 1, x.shape[axis])
        if count > 1 and x.size:
            largest = np.sort(np.moveaxis(np.partition(x, -count, axis), axis, -1)[..., -count:], -1)
            self._note(np.diff(largest, axis=-1), x)

    # ---- making arrays, element by element
    def constant(self, value):
        value = np.asarray(value)
        return value.astype(np.float64) if value.dtype.kind == "f" else value

    def cast(self, x, kind):
        return np.asarray(x).astype({"float": np.float64, "int": np.int64}[kind])

    def lower(self, x, precision):
        return x  # the judge rounds nothing

    def widen(self, x):
        return x

    def exp(self, x):
        return np.exp(x)

    def log(self, x):
        return np.log(x)

    def sqrt(self, x):
        return np.sqrt(x)

    def rsqrt(self, x):
        return 1 / np.sqrt(x)

    def tanh(self, x):
        return np.tanh(x)

    def sigmoid(self, x):
        return np.exp(-np.logaddexp(0, -x))

    def relu(self, x):
        self._note(np.abs(x).min(initial=np.inf), x)
        return np.maximum(x, 0)

    def gelu(self, x):
        return x * 0.5 * (1 + _erf(x / np.sqrt(2))) if x.size else x

    def quick_gelu(self, x):
        return x * self.sigmoid(1.702 * x)

    def maximum(self, x, y):
        return np.maximum(x, y)

    def minimum(self, x, y):
        return np.minimum(x, y)

    def where(self, condition, x, y):
        return np.where(condition, x, y)

    def equal(self, x, y):
        return np.equal(x, y)

    def less(self, x, y):
        return np.less(x, y)

    def stop_gradient(self, x):
        self.stopped.append(x if self._fixed is None else next(self._fixed))
        return self.stopped[-1]

    # ---- shape
    def reshape(self, x, shape):
        return np.reshape(x, shape)

    def transpose(self, x, axes):
        return np.transpose(x, axes)

    def broadcast_to(self, x, shape):
        return np.broadcast_to(x, shape)

    def concat(self, arrays, axis):
        return np.concatenate(arrays, axis)

    def stack(self, arrays, axis):
        return np.stack(arrays, axis)

    # ---- reductions
    def sum(self, x, axis, keepdims=False):
        return np.sum(x, axis, keepdims=keepdims)

    def mean(self, x, axis, keepdims=False):
        return np.mean(x, axis, keepdims=keepdims)

    def max(self, x, axis, keepdims=False):
        self._note_order(x, axis, 1)
        return np.max(x, axis, keepdims=keepdims)

    def argmax(self, x, axis):
        self._note_order(x, axis, 1)
        return np.argmax(x, axis)

    def top_k(self, x, k):
        self._note_order(x, -1, k)
        ids = np.argsort(-x, -1, kind="stable")[..., :k]
        return np.take_along_axis(x, ids, -1), ids

    def logsumexp(self, x, axis):
        return np.logaddexp.reduce(x, axis)

    # ---- looking up
    def take(self, table, ids):
        return table[ids]

    def pick(self, x, ids):
        return x[np.arange(len(x)).reshape(-1, *(1,) * (ids.ndim - 1)), ids]

    # ---- networks
    def matmul(self, x, y):
        return x @ y

    def linear(self, x, weight, bias=None):
        y = x @ weight.T
        return y if bias is None else y + bias

    def conv2d(self, x, weight, stride=1, padding=0, groups=1):
        x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
        windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], (2, 3))[:, :, ::stride, ::stride]
        if groups == 1:
            batch, _, height, width = windows.shape[:4]
            columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(batch * height * width, -1)
            y = columns @ weight.reshape(weight.shape[0], -1).T
            return y.reshape(batch, height, width, -1).transpose(0, 3, 1, 2)
        return np.einsum("bchwij,cij->bchw", windows, weight[:, 0])

    def avg_pool2d(self, x, size):
        batch, channels, height, width = x.shape
        rows, columns = height // size, width // size
        x = x[:, :, : rows * size, : columns * size]
        return x.reshape(batch, channels, rows, size, columns, size).mean((3, 5))

    def softmax(self, x, axis):
        return np.exp(self.log_softmax(x, axis))

    def log_softmax(self, x, axis):
        return x - np.logaddexp.reduce(x, axis, keepdims=True)

    def l2_normalize(self, x, eps):
        return x / np.maximum(np.sqrt(np.sum(x * x, -1, keepdims=True)), eps)

    def layer_norm(self, x, weight, bias, eps):
        mean = np.mean(x, -1, keepdims=True)
        variance = np.var(x, -1, keepdims=True)
        return (x - mean) / np.sqrt(variance + eps) * weight + bias

    def batch_norm(self, x, weight, bias, eps):
        axes = tuple(i for i in range(x.ndim) if i != 1)
        mean, variance = x.mean(axes), x.var(axes)
        return self.batch_norm_inference(x, weight, bias, mean, variance, eps), mean, variance

    def batch_norm_inference(self, x, weight, bias, mean, variance, eps):
        lift = lambda v: v.reshape(1, -1, *(1,) * (x.ndim - 2))
        return (x - lift(mean)) / np.sqrt(lift(variance) + eps) * lift(weight) + lift(bias)

    def attention(self, q, k, v, mask=None, causal=False):
        score = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
        if mask is not None:
            score = np.where(mask[:, None, None, :] > 0, score, -np.inf)
        if causal:
            score = np.where(np.tri(q.shape[2], k.shape[2], dtype=bool), score, -np.inf)
        return self.softmax(score, -1) @ v
