"""Attention within windows of a map of tokens, shifted or not, with a bias by relative position (Liu et al.

2021, Swin).
"""

from dataclasses import dataclass

import numpy as np

from tandemclip.core.layers.attention import join_heads, split_heads
from tandemclip.core.layers.linear import Linear
from tandemclip.core.spec import Constant, Normal, Parameter, Spec

APART = 100.0  # what a logit between tokens of different regions is lowered by (released code's value)


@dataclass(frozen=True)
class WindowAttention(Spec):
    """side: of the map, a multiple of `window`. shift: the map is rolled by so much first, and what it brings into one
    window from opposite ends of the picture does not see each other (section 3.2, Fig. 4)."""

    width: int
    heads: int
    side: int
    window: int
    shift: int
    initial: Normal

    def __post_init__(self):
        if self.side % self.window:
            raise ValueError(f"a map of {self.side} x {self.side} tokens does not split into windows of {self.window}")
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

    def forward(self, ops, p, x):  # [B, side, side, width] -> the same
        tokens, width = self.window**2, self.width
        qkv = p.qkv(cut(ops, roll(ops, x, self.shift), self.window))
        q, k, v = (split_heads(ops, qkv[:, :, i * width : (i + 1) * width], self.heads) for i in range(3))
        logits = ops.matmul(q * (width // self.heads) ** -0.5, ops.transpose(k, (0, 1, 3, 2)))
        bias = ops.take(p["relative_bias"], ops.constant(relative_index(self.window).reshape(-1)))
        logits = logits + ops.transpose(ops.reshape(bias, (tokens, tokens, self.heads)), (2, 0, 1))
        if self.shift:
            apart = ops.constant(regions_apart(self.side, self.window, self.shift) * np.float32(APART))
            shape = (x.shape[0], apart.shape[0], self.heads, tokens, tokens)
            logits = ops.reshape(ops.reshape(logits, shape) - apart, logits.shape)
        x = p.output(join_heads(ops, ops.matmul(ops.softmax(logits, 3), v)))
        return roll(ops, put_together(ops, x, self.side), self.side - self.shift if self.shift else 0)


def roll(ops, x, shift):  # [B, S, S, C]: row and column `shift` come first
    if not shift:
        return x
    x = ops.concat((x[:, shift:], x[:, :shift]), 1)
    return ops.concat((x[:, :, shift:], x[:, :, :shift]), 2)


def cut(ops, x, window):  # [B, S, S, C] -> [B (S / window)^2, window^2, C], windows row by row
    batch, side, _, width = x.shape
    count = side // window
    x = ops.transpose(ops.reshape(x, (batch, count, window, count, window, width)), (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (batch * count * count, window * window, width))


def put_together(ops, x, side):  # [B (S / window)^2, window^2, C] -> [B, S, S, C]
    width, window = x.shape[2], int(x.shape[1] ** 0.5)
    count = side // window
    batch = x.shape[0] // count**2
    x = ops.transpose(ops.reshape(x, (batch, count, count, window, window, width)), (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (batch, side, side, width))


def relative_index(window: int) -> np.ndarray:
    """[window^2, window^2] int32: which row of the table the bias from query to key is."""
    places = np.stack(np.divmod(np.arange(window**2), window), 1)
    offset = places[:, None] - places[None] + window - 1
    return (offset[..., 0] * (2 * window - 1) + offset[..., 1]).astype(np.int32)


def regions_apart(side: int, window: int, shift: int) -> np.ndarray:
    """[(side / window)^2, 1, window^2, window^2] float32: 1 where query and key were not neighbours before the map was
    rolled.
    """
    end = np.arange(side)
    part = (end >= side - window).astype(int) + (end >= side - shift)  # of the rolled map: whole windows, then two ends
    region = 3 * part[:, None] + part[None]
    count = side // window
    region = region.reshape(count, window, count, window).transpose(0, 2, 1, 3).reshape(count**2, 1, window**2)
    return (region[..., :, None] != region[..., None, :]).astype(np.float32)
