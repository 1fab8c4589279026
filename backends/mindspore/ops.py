"""The vocabulary on MindSpore (Ascend, CPU), as module-level functions: compiled programs import them by name.

Only operators that the CPU has too: most of `mint` and `ops.layer_norm` are missing there, `ops.pad` has a wrong
gradient in compiled code. Nothing here runs on the host.
"""

import mindspore as ms
import numpy as np
from mindspore import ops as O
from mindspore.ops import constexpr

FLOAT = ms.float32
FAR = -1e9  # finite: a row of -inf gives 0 here and NaN elsewhere
# The CPU's own convolution takes seconds where oneDNN finds no kernel for plain layouts, the depth-wise one always:
# there it is unfolded into a product. A BatchNorm by means costs three times its kernel, whose saved outputs other
# devices define in their own way.
ON_CPU = ms.get_context("device_target") == "CPU"


# ------------------------------------------------------------------ making arrays, element by element
def constant(value):
    value = np.asarray(value)
    return ms.Tensor(value, FLOAT if value.dtype.kind == "f" else ms.bool_ if value.dtype.kind == "b" else ms.int32)


def cast(x, kind):
    if kind == "float":
        return O.cast(x, FLOAT)
    return O.cast(x, ms.int32)


def lower(x, precision):
    if x.dtype == FLOAT:
        return O.cast(x, ms.float16 if precision == "fp16" else ms.bfloat16)
    return x


def widen(x):
    if x.dtype == ms.float16 or x.dtype == ms.bfloat16:
        return O.cast(x, FLOAT)
    return x


def exp(x):
    return O.pow(2.0, x * 1.4426950408889634)  # log2(e); the CPU's own Exp is off by 3e-6 near 0 and 8e-6 at -20


def log(x):
    return O.log(x)


def sqrt(x):
    return O.sqrt(x)


def rsqrt(x):
    return O.rsqrt(x)


def tanh(x):
    return O.tanh(x)


def sigmoid(x):
    return O.sigmoid(x)


def relu(x):
    return O.relu(x)


def gelu(x):
    return x * (O.erf(x * 0.7071067811865476) + 1.0) * 0.5


def quick_gelu(x):
    return x * O.sigmoid(x * 1.702)


def maximum(x, y):
    return O.maximum(x, y)


def minimum(x, y):
    return O.minimum(x, y)


def where(condition, x, y):
    return O.where(condition, x, y)


def equal(x, y):
    return O.equal(x, y)


def less(x, y):
    return O.less(x, y)


def stop_gradient(x):
    return O.stop_gradient(x)


# ------------------------------------------------------------------ shape
def reshape(x, shape):
    return O.reshape(x, shape)


def transpose(x, axes):
    return O.transpose(x, axes)


def broadcast_to(x, shape):
    return O.broadcast_to(x, shape)


def concat(arrays, axis):
    return O.concat(arrays, axis)


def stack(arrays, axis):
    return O.stack(arrays, axis)


# ------------------------------------------------------------------ reductions
def sum(x, axis, keepdims=False):
    return O.ReduceSum(keepdims)(x, axis)


def mean(x, axis, keepdims=False):
    return O.ReduceMean(keepdims)(x, axis)


def max(x, axis, keepdims=False):
    return O.ReduceMax(keepdims)(x, axis)


def argmax(x, axis):
    return O.cast(O.Argmax(axis, ms.int32)(O.cast(x, FLOAT)), ms.int32)  # ids are exact in float32 up to 2^24


def top_k(x, k):
    # the CPU's TopK names any of several equal ones; its Sort keeps their order, and ids are exact in float32
    ids = O.sort(O.stop_gradient(O.cast(x, FLOAT)), -1, True)[1][..., :k]
    return O.gather_d(x, -1, ids), ids


def logsumexp(x, axis):
    largest = O.stop_gradient(O.ReduceMax(True)(x, axis))
    return O.log(O.ReduceSum(False)(exp(x - largest), axis)) + O.ReduceMax(False)(largest, axis)


# ------------------------------------------------------------------ looking up
def take(table, ids):
    return O.gather(table, ids, 0)


def pick(x, ids):
    return O.gather(x, ids, 1, 1)


# ------------------------------------------------------------------ networks
def matmul(x, y):
    if x.shape[-1] == 1:  # the gradient of O.matmul fails for [1, 3, 1] @ [1, 1, 16]
        return x * y
    return O.matmul(x, y)


def linear(x, weight, bias=None):
    return O.dense(x, weight, bias)


def conv2d(x, weight, stride=1, padding=0, groups=1):
    if not ON_CPU:
        return O.conv2d(x, weight, stride=stride, pad_mode="pad", padding=padding, dilation=1, groups=groups)
    batch, channels, height, width = x.shape
    outputs, area = weight.shape[0], weight.shape[2] * weight.shape[3]
    rows = (height + 2 * padding - weight.shape[2]) // stride + 1
    columns = (width + 2 * padding - weight.shape[3]) // stride + 1
    places = rows * columns
    if area == 1 and stride == 1 and padding == 0:
        windows = x
    else:
        windows = O.unfold(x, weight.shape[2], dilation=1, padding=padding, stride=stride)
    if groups == 1:
        # one large product over all images: one an image is four times slower where the map is small
        windows = O.transpose(O.reshape(windows, (batch, channels * area, places)), (0, 2, 1))
        windows = O.reshape(windows, (batch * places, channels * area))
        y = O.reshape(O.dense(windows, O.reshape(weight, (outputs, channels * area))), (batch, places, outputs))
        y = O.transpose(y, (0, 2, 1))
    else:
        windows = O.reshape(windows, (batch, channels, area, places))
        y = O.matmul(O.broadcast_to(O.reshape(weight, (1, channels, 1, area)), (batch, channels, 1, area)), windows)
    return O.reshape(y, (batch, outputs, rows, columns))


def avg_pool2d(x, size):
    return O.AvgPool(kernel_size=size, strides=size, pad_mode="valid")(x)


def softmax(x, axis):
    return O.softmax(x, axis)


def log_softmax(x, axis):
    x = x - O.stop_gradient(O.ReduceMax(True)(x, axis))
    return x - O.log(O.ReduceSum(True)(exp(x), axis))  # O.log_softmax uses the CPU's own Exp, see `exp`


def l2_normalize(x, eps):
    square = O.ReduceSum(True)(x * x, -1)
    return x * O.rsqrt(O.maximum(square, eps * eps))


def layer_norm(x, weight, bias, eps):
    return O.LayerNorm(begin_norm_axis=-1, begin_params_axis=-1, epsilon=eps)(x, weight, bias)[0]


def _statistic_axes(x):
    if len(x.shape) == 4:
        return (0, 2, 3), (1, -1, 1, 1)
    return (0,), (1, -1)


def batch_norm(x, weight, bias, eps):
    y, mean, variance = _batch_norm(widen(x), weight, bias, eps)
    return O.cast(y, x.dtype), mean, variance


def _batch_norm(x, weight, bias, eps):
    if ON_CPU:
        # The kernel writes into the running statistics that it is given: these are thrown away, and momentum 0 leaves
        # them as they are. What it saves for its gradient is the batch's mean and biased variance.
        kernel = O.BatchNorm(is_training=True, epsilon=eps, momentum=0.0, data_format="NCHW")
        result = kernel(x, weight, bias, O.zeros_like(weight), O.ones_like(weight))
        return result[0], O.stop_gradient(result[3]), O.stop_gradient(result[4])
    axes, lifted = _statistic_axes(x)
    mean = O.ReduceMean(True)(x, axes)
    centred = x - mean
    variance = O.ReduceMean(True)(centred * centred, axes)
    y = centred * (O.rsqrt(variance + eps) * O.reshape(weight, lifted)) + O.reshape(bias, lifted)
    return y, O.stop_gradient(O.reshape(mean, (-1,))), O.stop_gradient(O.reshape(variance, (-1,)))


def batch_norm_inference(x, weight, bias, mean, variance, eps):
    _, lifted = _statistic_axes(x)
    scale = weight * O.rsqrt(variance + eps)
    y = x * O.reshape(scale, lifted) + O.reshape(bias - mean * scale, lifted)
    return O.cast(y, x.dtype)


@constexpr
def _ahead(queries, keys):
    """[Q, K]: FAR where a causal query may not look, else 0."""
    return ms.Tensor(np.triu(np.full((queries, keys), FAR, np.float32), 1))


def attention(q, k, v, mask=None, causal=False):
    score = widen(O.matmul(q * (q.shape[-1] ** -0.5), O.transpose(k, (0, 1, 3, 2))))  # masks are beyond float16
    if mask is not None:
        score = score + O.reshape((1.0 - widen(mask)) * FAR, (mask.shape[0], 1, 1, mask.shape[1]))
    if causal:
        score = score + _ahead(q.shape[2], k.shape[2])
    return O.matmul(O.cast(O.softmax(score, -1), v.dtype), v)
