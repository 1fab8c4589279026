"""Attention within windows of a map of tokens, shifted or not, with a bias by relative position (Liu et al.

2021, Swin).
"""

from dataclasses import dataclass
from math import isqrt

import numpy as np

from tandemclip.core.layers.attention import join_heads, split_heads
from tandemclip.core.layers.linear import Linear
from tandemclip.core.spec import Constant, Normal, Parameter, Spec

APART = 100.0  # what a logit between tokens of different regions is lowered by (released code's value)


@dataclass(frozen=True)
class WindowAttention(Spec):
    """A map that does not split into windows is padded with zeros behind its last row and column; like Swins for
    detection, the padding is not masked. shift: the map is rolled by so much first, and what it brings into one window
    from opposite ends of the picture does not see each other (section 3.2, Fig. 4). An axis that has no more than one
    window is not rolled.
    """

    width: int
    heads: int
    window: int
    shift: int
    initial: Normal

    def __post_init__(self):
        if self.width % self.heads:
            raise ValueError(f"width {self.width} does not split into {self.heads} heads")

    def children(self):
        zero = Constant(0.0)
        return {
            "qkv": Linear(self.width, 3 * self.width, True, self.initial, zero),
            "output": Linear(self.width, self.width, True, self.initial, zero),
        }

    def parameters(self):
        return {"relative_bias": Parameter(((2 * self.window - 1) ** 2, self.heads), self.initial)}

    def forward(self, ops, p, x):  # [B, H, W, width] -> the same
        _, height, breadth, width = x.shape
        x = padded(ops, x, self.window)
        size, tokens = x.shape[1:3], self.window**2
        shifts = tuple(self.shift if side > self.window else 0 for side in size)
        qkv = p.qkv(cut(ops, roll(ops, x, shifts), self.window))
        q, k, v = (split_heads(ops, qkv[:, :, i * width : (i + 1) * width], self.heads) for i in range(3))
        logits = ops.matmul(q * (width // self.heads) ** -0.5, ops.transpose(k, (0, 1, 3, 2)))
        bias = ops.take(p["relative_bias"], ops.constant(relative_index(self.window).reshape(-1)))
        logits = logits + ops.transpose(ops.reshape(bias, (tokens, tokens, self.heads)), (2, 0, 1))
        if any(shifts):
            apart = ops.constant(regions_apart(size, self.window, shifts) * np.float32(APART))
            shape = (x.shape[0], apart.shape[0], self.heads, tokens, tokens)
            logits = ops.reshape(ops.reshape(logits, shape) - apart, logits.shape)
        x = p.output(join_heads(ops, ops.matmul(ops.softmax(logits, 3), v)))
        back = tuple(side - shift if shift else 0 for side, shift in zip(size, shifts))
        x = roll(ops, put_together(ops, x, size), back)
        return x if size == (height, breadth) else x[:, :height, :breadth]


def padded(ops, x, window):  # [B, H, W, C] -> zeros behind, so that both sides are multiples of the window
    zero = ops.constant(np.zeros((1, 1, 1, 1), np.float32))
    for axis in (1, 2):
        if missing := -x.shape[axis] % window:
            shape = (*x.shape[:axis], missing, *x.shape[axis + 1 :])
            x = ops.concat((x, ops.broadcast_to(zero, shape)), axis)
    return x


def roll(ops, x, shifts):  # [B, H, W, C]: row shifts[0] and column shifts[1] come first
    down, right = shifts
    if down:
        x = ops.concat((x[:, down:], x[:, :down]), 1)
    return ops.concat((x[:, :, right:], x[:, :, :right]), 2) if right else x


def cut(ops, x, window):  # [B, H, W, C] -> [B (H / window) (W / window), window^2, C], windows row by row
    batch, height, breadth, width = x.shape
    rows, columns = height // window, breadth // window
    x = ops.transpose(ops.reshape(x, (batch, rows, window, columns, window, width)), (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (batch * rows * columns, window * window, width))


def put_together(ops, x, size):  # [B (H / window) (W / window), window^2, C], (H, W) -> [B, H, W, C]
    width, window = x.shape[2], isqrt(x.shape[1])
    rows, columns = (side // window for side in size)
    batch = x.shape[0] // (rows * columns)
    x = ops.transpose(ops.reshape(x, (batch, rows, columns, window, window, width)), (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (batch, *size, width))


def relative_index(window: int) -> np.ndarray:
    """[window^2, window^2] int32: which row of the table the bias from query to key is."""
    places = np.stack(np.divmod(np.arange(window**2), window), 1)
    offset = places[:, None] - places[None] + window - 1
    return (offset[..., 0] * (2 * window - 1) + offset[..., 1]).astype(np.int32)


def regions_apart(size: tuple[int, int], window: int, shifts: tuple[int, int]) -> np.ndarray:
    """(H, W) -> [(H / window) (W / window), 1, window^2, window^2] float32: 1 where query and key were not neighbours
    before the map was rolled.
    """
    # of either side of the rolled map: whole windows, then two ends
    parts = [(np.arange(n) >= n - window).astype(int) + (np.arange(n) >= n - shift) for n, shift in zip(size, shifts)]
    region = 3 * parts[0][:, None] + parts[1][None]
    rows, columns = (side // window for side in size)
    region = region.reshape(rows, window, columns, window).transpose(0, 2, 1, 3).reshape(rows * columns, 1, window**2)
    return (region[..., :, None] != region[..., None, :]).astype(np.float32)
