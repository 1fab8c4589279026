"""The vocabulary on torch: CPU and CUDA, float32 for training and float64 for judging gradients."""

import math

import torch
import torch.nn.functional as F

LOW = {"bf16": torch.bfloat16, "fp16": torch.float16}


class TorchOps:
    """An interpreter. dtype: what "float" is. device: where constants are made."""

    def __init__(self, dtype=torch.float32, device="cpu"):
        self.dtype, self.device = dtype, torch.device(device)

    # ---- making arrays, element by element
    def constant(self, value):
        tensor = torch.as_tensor(value, device=self.device)
        return tensor.to(self.dtype) if tensor.is_floating_point() else tensor

    def cast(self, x, kind):
        return x.to({"float": self.dtype, "int": torch.int64}[kind])

    def lower(self, x, precision):
        return x.to(LOW[precision]) if x.is_floating_point() else x

    def widen(self, x):
        # most are float already: a look costs less than a call that does nothing
        return x.to(self.dtype) if x.dtype != self.dtype and x.is_floating_point() else x

    def exp(self, x):
        return torch.exp(x)

    def log(self, x):
        return torch.log(x)

    def sqrt(self, x):
        return torch.sqrt(x)

    def rsqrt(self, x):
        return torch.rsqrt(x)

    def tanh(self, x):
        return torch.tanh(x)

    def sigmoid(self, x):
        return torch.sigmoid(x)

    def relu(self, x):
        return F.relu(x)

    def gelu(self, x):
        return F.gelu(x, approximate="none")

    def quick_gelu(self, x):
        return x * torch.sigmoid(1.702 * x)

    def maximum(self, x, y):
        return torch.maximum(x, y)

    def minimum(self, x, y):
        return torch.minimum(x, y)

    def where(self, condition, x, y):
        return torch.where(condition, x, y)

    def equal(self, x, y):
        return torch.eq(x, y)

    def less(self, x, y):
        return torch.lt(x, y)

    def stop_gradient(self, x):
        return x.detach() if x.requires_grad else x

    # ---- shape
    def reshape(self, x, shape):
        return x.reshape(tuple(shape))

    def transpose(self, x, axes):
        return x.permute(tuple(axes))

    def broadcast_to(self, x, shape):
        return x.expand(tuple(shape))

    def concat(self, arrays, axis):
        return torch.cat(tuple(arrays), axis)

    def stack(self, arrays, axis):
        return torch.stack(tuple(arrays), axis)

    # ---- reductions
    def sum(self, x, axis, keepdims=False):
        return torch.sum(x, axis, keepdim=keepdims)

    def mean(self, x, axis, keepdims=False):
        return torch.mean(x, axis, keepdim=keepdims)

    def max(self, x, axis, keepdims=False):
        if x.requires_grad:  # the gradient of amax would be shared by equal ones
            return torch.max(x, axis, keepdim=keepdims).values
        return torch.amax(x, axis, keepdim=keepdims)  # the same, in a fifth of the time

    def argmax(self, x, axis):
        # torch leaves open which of several largest it names: the first is asked for by the distance from the end
        length = x.shape[axis]
        shape = [length if i == axis % x.ndim else 1 for i in range(x.ndim)]
        from_end = torch.arange(length, 0, -1, device=x.device).reshape(shape)
        return torch.argmax((x == torch.amax(x, axis, keepdim=True)) * from_end, axis)

    def top_k(self, x, k):
        # torch.topk leaves open which of several equal ones it names
        ids = torch.sort(x.detach(), stable=True, dim=-1, descending=True).indices[..., :k]
        return torch.gather(x, -1, ids), ids

    def logsumexp(self, x, axis):
        return torch.logsumexp(x, axis)

    # ---- looking up
    def take(self, table, ids):
        return F.embedding(ids, table)

    def pick(self, x, ids):
        # rows of one table: the gradient of advanced indexing is slower, and on CUDA its sums have no fixed order
        batch, count, *rest = x.shape
        first = torch.arange(0, batch * count, count, device=x.device).reshape(batch, *(1,) * (ids.ndim - 1))
        return F.embedding(first + ids, x.reshape(batch * count, math.prod(rest))).reshape(*ids.shape, *rest)

    # ---- networks
    def matmul(self, x, y):
        return torch.matmul(x, y)

    def linear(self, x, weight, bias=None):
        return F.linear(x, weight, bias)

    def conv2d(self, x, weight, stride=1, padding=0, groups=1):
        # not with the channels last: a tenth faster on CPUs, but BatchNorm's sums are then off by 2e-5, and 3e-4 at a
        # mean of 30
        return F.conv2d(x, weight, stride=stride, padding=padding, groups=groups)

    def avg_pool2d(self, x, size):
        return F.avg_pool2d(x, size)

    def softmax(self, x, axis):
        return F.softmax(x, axis)

    def log_softmax(self, x, axis):
        return F.log_softmax(x, axis)

    def l2_normalize(self, x, eps):
        return F.normalize(x, dim=-1, eps=eps)

    def layer_norm(self, x, weight, bias, eps):
        return F.layer_norm(x, weight.shape, weight, bias, eps)

    def batch_norm(self, x, weight, bias, eps):
        y, mean, inverse = torch.native_batch_norm(x, weight, bias, None, None, True, 0.0, eps)
        return y, mean.detach(), inverse.detach().pow(-2) - eps  # the kernel has them already: no second pass over x

    def batch_norm_inference(self, x, weight, bias, mean, variance, eps):
        return F.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps)

    def attention(self, q, k, v, mask=None, causal=False):
        allowed = None if mask is None else (mask > 0)[:, None, None, :]
        if causal and mask is not None:  # not every kernel takes both: one mask for the two
            allowed = allowed & torch.ones(q.shape[2], k.shape[2], dtype=torch.bool, device=q.device).tril()
        alone = causal and mask is None
        return F.scaled_dot_product_attention(q, k, v, attn_mask=allowed, dropout_p=0.0, is_causal=alone)
