"""CLIP's text transformer."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tandemclip.core.layers.activation import Activation
from tandemclip.core.layers.attention import SelfAttention
from tandemclip.core.layers.block import Block, FeedForward
from tandemclip.core.layers.linear import Linear
from tandemclip.core.layers.norm import LayerNorm
from tandemclip.core.spec import Constant, Normal, Parameter
from tandemclip.core.towers.tower import TextTower

SMALL = Normal(0.02)


@dataclass(frozen=True)
class TextTransformer(TextTower):
    """Text tower: causal, pre-norm.

    initial: "clip", or "0.02" for released UniCL's: that deviation for every matrix but q, k, v, whose default is
    torch's. pool: "end" reads the position of the end-of-text token, which is the highest id (CLIP; the first one where
    several stand); "max" takes the element-wise maximum over all positions, padding included (released PyramidCLIP).
    """

    vocab_size: int
    context_length: int
    width: int
    layers: int
    heads: int
    embed_dim: int
    pool: Literal["end", "max"] = "end"
    activation: Activation = "quick_gelu"
    eps: float = 1e-5
    initial: Literal["clip", "0.02"] = "clip"

    def __post_init__(self):
        if self.width % self.heads:
            raise ValueError(f"width {self.width} does not split into {self.heads} heads")

    def block(self) -> Block:
        if self.initial == "0.02":
            attention = SelfAttention(self.width, self.heads, True, output_initial=SMALL)
            feed_forward = FeedForward(self.width, 4 * self.width, self.activation, SMALL, SMALL, Constant(0.0))
        else:
            inner = Normal(self.width**-0.5 * (2 * self.layers) ** -0.5)
            attention = SelfAttention(self.width, self.heads, True, Normal(self.width**-0.5), inner)
            feed_forward = FeedForward(
                self.width, 4 * self.width, self.activation, Normal((2 * self.width) ** -0.5), inner
            )
        return Block(attention, feed_forward, self.eps)

    def children(self):
        projection = Normal(self.width**-0.5) if self.initial == "clip" else SMALL
        return {
            **{f"blocks.{i}": self.block() for i in range(self.layers)},
            "output_norm": LayerNorm(self.width, self.eps),
            "projection": Linear(self.width, self.embed_dim, bias=False, weight_initial=projection),
        }

    def parameters(self):
        return {
            "tokens": Parameter((self.vocab_size, self.width), SMALL),
            "positions": Parameter(
                (self.context_length, self.width), Normal(0.01) if self.initial == "clip" else SMALL
            ),
        }

    def length(self, ids):
        """Up to the last end of text: the transformer is causal, so that nothing behind it reaches what is pooled."""
        return int(ids.argmax(1).max()) + 1 if self.pool == "end" else ids.shape[1]

    def forward(self, ops, p, ids):  # int [B, L] -> [B, embed_dim]
        x = ops.take(p["tokens"], ids) + p["positions"][: ids.shape[1]]
        for i in range(self.layers):
            x = p.child(f"blocks.{i}")(x)
        return p.projection(self.pooled(ops, p.output_norm(x), ids))

    def pooled(self, ops, x, ids):  # [B, L, width], int [B, L] -> [B, width]
        if self.pool == "max":
            return ops.max(x, 1)
        batch, length, width = x.shape
        rows = ops.constant(np.arange(batch, dtype=np.int32) * length) + ops.argmax(ids, 1)
        return ops.take(ops.reshape(x, (batch * length, width)), rows)
