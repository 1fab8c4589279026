"""The vocabulary: what a definition may ask of an engine. An engine is an interpreter of these functions.

An array has `.shape` (a tuple of integers), the operators `+ - * /` and unary `-` between arrays of one dtype or an
array and a Python number, and `x[...]` with integers, slices without a step (MindSpore's gradient of one fails) and
`...`. Anything else is a function below. Broadcasting is numpy's. There are three kinds of dtype: "float" (the engine's
own precision), "int" and "bool"; bools take part in `where` and `cast` only, and ints are not divided. Every function
returns new arrays and leaves its arguments as they were.

`OPERATORS` and the methods of `Ops` together are the vocabulary; tests/parity/test_ops.py holds every interpreter to
it, in value and in gradient, on the first, second and third call.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

Array = Any
Shape = Sequence[int]

OPERATORS = ("add", "subtract", "multiply", "divide", "negative", "getitem")


class Ops(Protocol):
    # ---- making arrays
    def constant(self, value: np.ndarray) -> Array:
        """A host array as an array of the engine: floats in its precision, integers and bools kept. No gradient."""

    # ---- element by element
    def cast(self, x: Array, kind: str) -> Array:
        """`kind` is "float" or "int"; from bool 0 and 1; from float to int toward zero. No gradient through int."""

    def lower(self, x: Array, precision: str) -> Array:
        """A float array in "bf16" or "fp16", any other as it is.

        Only core/precision.py asks for it. The gradient is widened.
        """

    def widen(self, x: Array) -> Array:
        """A low array as float, any other as it is."""

    def exp(self, x: Array) -> Array: ...

    def log(self, x: Array) -> Array:
        """Natural logarithm of x > 0."""

    def sqrt(self, x: Array) -> Array: ...

    def rsqrt(self, x: Array) -> Array:
        """1 / sqrt(x)."""

    def tanh(self, x: Array) -> Array: ...

    def sigmoid(self, x: Array) -> Array: ...

    def relu(self, x: Array) -> Array:
        """max(x, 0); the gradient at 0 is 0."""

    def gelu(self, x: Array) -> Array:
        """x Phi(x) with the exact normal distribution function, not the tanh approximation."""

    def quick_gelu(self, x: Array) -> Array:
        """x sigmoid(1.702 x), CLIP's activation."""

    def maximum(self, x: Array, y: Array) -> Array: ...

    def minimum(self, x: Array, y: Array) -> Array: ...

    def where(self, condition: Array, x: Array, y: Array) -> Array:
        """x where the bool `condition` holds, else y; the three broadcast."""

    def equal(self, x: Array, y: Array) -> Array:
        """Bool."""

    def less(self, x: Array, y: Array) -> Array:
        """Bool: x < y."""

    def stop_gradient(self, x: Array) -> Array: ...

    # ---- shape
    def reshape(self, x: Array, shape: Shape) -> Array:
        """Row-major; the sizes are all given (no -1)."""

    def transpose(self, x: Array, axes: Shape) -> Array:
        """Axis i of the result is axis axes[i] of x."""

    def broadcast_to(self, x: Array, shape: Shape) -> Array: ...

    def concat(self, arrays: Sequence[Array], axis: int) -> Array: ...

    def stack(self, arrays: Sequence[Array], axis: int) -> Array: ...

    # ---- reductions: `axis` is an integer or a tuple of them; () is not meant
    def sum(self, x: Array, axis: int | Shape, keepdims: bool = False) -> Array: ...

    def mean(self, x: Array, axis: int | Shape, keepdims: bool = False) -> Array: ...

    def max(self, x: Array, axis: int, keepdims: bool = False) -> Array:
        """Where several are largest the gradient's way is open: a discrete choice (docs/parity.md)."""

    def argmax(self, x: Array, axis: int) -> Array:
        """Int: the first of the largest."""

    def top_k(self, x: Array, k: int) -> tuple[Array, Array]:
        """The k largest along the last axis: x [..., N] -> values and places (int), both [..., k].

        Largest first; of equal ones the first first, as `argmax` has it. The gradient flows to the values; the places
        are a discrete choice (docs/parity.md).
        """

    def logsumexp(self, x: Array, axis: int) -> Array: ...

    # ---- looking up
    def take(self, table: Array, ids: Array) -> Array:
        """Rows: table [V, D], ids int [...] -> [..., D]; the gradient of a row is the sum over its uses."""

    def pick(self, x: Array, ids: Array) -> Array:
        """Of every sample, what stands at its own places: x [B, N, ...], ids int [B] -> [B, ...], or ids [B, K] ->
        [B, K, ...]. The gradient of a place is the sum over its uses.
        """

    # ---- networks
    def matmul(self, x: Array, y: Array) -> Array:
        """[..., M, K] @ [..., K, N], two axes or more each, leading ones equal."""

    def linear(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        """x [..., I], weight [O, I], bias [O] -> [..., O]."""

    def conv2d(self, x: Array, weight: Array, stride: int = 1, padding: int = 0, groups: int = 1) -> Array:
        """x [B, I, H, W], weight [O, I / groups, K, K] -> [B, O, H', W'], zeros around. groups is 1 or I (= O)."""

    def avg_pool2d(self, x: Array, size: int) -> Array:
        """Mean of size x size cells that do not overlap: [B, C, H, W] -> [B, C, H // size, W // size], rest dropped."""

    def softmax(self, x: Array, axis: int) -> Array: ...

    def log_softmax(self, x: Array, axis: int) -> Array: ...

    def l2_normalize(self, x: Array, eps: float) -> Array:
        """x / max(||x||, eps) over the last axis; finite, and with a finite gradient, at 0."""

    def layer_norm(self, x: Array, weight: Array, bias: Array, eps: float) -> Array:
        """Over the last axis, biased variance, eps inside the root."""

    def batch_norm(self, x: Array, weight: Array, bias: Array, eps: float) -> tuple[Array, Array, Array]:
        """x [N, C] or [N, C, H, W], by this batch's own statistics -> y, mean [C], biased variance [C] (no
        gradient).

        x may be low; y is then too, while all is computed in the type of `weight`, which mean and variance have.
        """

    def batch_norm_inference(
        self, x: Array, weight: Array, bias: Array, mean: Array, variance: Array, eps: float
    ) -> Array:
        """The same by given statistics."""

    def attention(self, q: Array, k: Array, v: Array, mask: Array | None = None, causal: bool = False) -> Array:
        """softmax(q k' / sqrt(d)) v: q [B, H, Q, d], k and v [B, H, K, d] -> [B, H, Q, d].

        mask: float [B, K], 1 for keys that are there and 0 for padding, at least one there a row. causal (Q = K):
        position i sees positions up to i.
        """


FUNCTIONS = tuple(name for name in vars(Ops) if not name.startswith("_"))
