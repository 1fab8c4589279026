"""CLIP's text transformer."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tandemclip.core.bounds import Count, Depth, Positive, TextLength
from tandemclip.core.layers.activation import Activation
from tandemclip.core.layers.attention import SelfAttention
from tandemclip.core.layers.block import Block, FeedForward
from tandemclip.core.layers.linear import Linear
from tandemclip.core.layers.norm import LayerNorm
from tandemclip.core.spec import Constant, Normal, Parameter
from tandemclip.core.towers.parts import EqualParts, require_parts, through
from tandemclip.core.towers.tower import TextTower

SMALL = Normal(0.02)


@dataclass(frozen=True)
class TextTransformer(EqualParts, TextTower):
    """CLIP's text tower: causal, pre-norm.

    width: of the tokens. layers: how many blocks. heads: of each attention; they divide `width`. activation: of the
    feed-forwards; released CLIP weights want quick_gelu. eps: of the LayerNorms. initial: "clip", or "0.02" for
    released UniCL's: that deviation for every matrix but q, k, v, whose default is torch's. pool: "end" reads the
    position of the end-of-text token, which is the highest id (CLIP; the first one where several stand); "max" takes
    the element-wise maximum over all positions, padding included (released PyramidCLIP). projection_bias: of the
    projection (released DeCLIP has one).
    """

    vocab_size: Count
    context_length: TextLength
    width: Count
    layers: Depth
    heads: Count
    embed_dim: Count
    pool: Literal["end", "max"] = "end"
    activation: Activation = "quick_gelu"
    eps: Positive = 1e-5
    initial: Literal["clip", "0.02"] = "clip"
    projection_bias: bool = False

    stem_names = ("tokens", "positions")
    end_is_highest = True

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
            "projection": Linear(self.width, self.embed_dim, self.projection_bias, weight_initial=projection),
        }

    def parameters(self):
        return {
            "tokens": Parameter((self.vocab_size, self.width), SMALL),
            "positions": Parameter(
                (self.context_length, self.width), Normal(0.01) if self.initial == "clip" else SMALL
            ),
        }

    def length(self, ids, end=None):
        """Up to the last end of text: the transformer is causal, so that nothing behind it reaches what is pooled."""
        if self.pool != "end":
            return ids.shape[1]
        if end is None and ids.max() >= self.vocab_size:
            raise ValueError(
                f"id {ids.max()} is beyond the vocabulary of {self.vocab_size} and would be taken for the end of text; "
                "give `end` too"
            )
        return int((ids.argmax(1) if end is None else end).max()) + 1

    def trunk(self, ops, p, ids, table=None):  # int [B, L], [V, width] -> each part's [B, L, width]
        rows = ops.take(p["tokens"] if table is None else table, ids)
        return through(p, rows + p["positions"][: ids.shape[1]], self.layers)

    def read_last(self, ops, p, seen):  # [B, L, width]
        return p.output_norm(seen.trunk[-1])

    def read_features(self, ops, p, seen):
        return ops.max(seen.last, 1) if self.pool == "max" else ops.pick(seen.last, end_of_text(ops, *seen.inputs))

    def read_tokens(self, ops, p, seen):
        batch, length, _ = seen.last.shape
        end = ops.reshape(end_of_text(ops, *seen.inputs), (batch, 1))
        behind = ops.less(end, ops.constant(np.arange(length, dtype=np.int32)))
        return seen.last, 1.0 - ops.cast(behind, "float")

    def read_stages(self, ops, p, seen):
        require_parts(self.layers)
        return seen.trunk


def end_of_text(ops, ids, table=None, end=None):  # int [B, L] -> int [B]: given, or the place of the highest id
    if end is None and table is not None:
        raise ValueError("a table may have ids above the end of text's, which would be taken for it; give `end` too")
    return ops.argmax(ids, 1) if end is None else end
