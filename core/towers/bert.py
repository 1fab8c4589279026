"""BERT as a text tower (Devlin et al. 2019), which UniCL names beside CLIP's (Yang et al. 2022, section 3.3)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tandemclip.core.bounds import Count, Depth, Positive, TextLength
from tandemclip.core.layers.attention import SelfAttention
from tandemclip.core.layers.block import FeedForward
from tandemclip.core.layers.linear import Linear
from tandemclip.core.layers.norm import LayerNorm
from tandemclip.core.layers.post_norm import PostNormBlock
from tandemclip.core.spec import Constant, Normal, Parameter
from tandemclip.core.towers.parts import EqualParts, require_parts, through
from tandemclip.core.towers.tower import TextTower

SMALL = Normal(0.02)
PAD = np.zeros((), np.int32)  # the id behind the end of a text


@dataclass(frozen=True)
class Bert(EqualParts, TextTower):
    """BERT's encoder: every token sees the whole text, post-norm, exact GELU; padding takes no part. No dropout.

    width: of the tokens. layers: how many blocks. heads: of each attention; they divide `width`. pool: what stands for
    the text: the "first" token ([CLS]), the same through BERT's own "pooler" (a linear map and tanh), or the "mean"
    over the tokens, start and end among them. max_positions: how many places of a text have a vector; those behind
    `context_length` are kept for longer texts. token_types: kinds of segments that BERT tells apart; a text is all of
    the first. eps: of the LayerNorms.
    """

    vocab_size: Count
    context_length: TextLength
    width: Count
    layers: Depth
    heads: Count
    embed_dim: Count
    pool: Literal["first", "pooler", "mean"] = "first"
    max_positions: Count = 512
    token_types: Count = 2
    eps: Positive = 1e-12

    stem_names = ("tokens", "positions", "types", "input_norm")

    def __post_init__(self):
        if self.width % self.heads:
            raise ValueError(f"width {self.width} does not split into {self.heads} heads")
        if self.context_length > self.max_positions:
            raise ValueError(
                f"context_length {self.context_length} is beyond the max_positions {self.max_positions}; lower it"
            )

    def block(self) -> PostNormBlock:
        zero = Constant(0.0)
        attention = SelfAttention(self.width, self.heads, qkv_initial=SMALL, output_initial=SMALL)
        feed_forward = FeedForward(self.width, 4 * self.width, "gelu", SMALL, SMALL, zero)
        return PostNormBlock(attention, feed_forward, self.eps)

    def children(self):
        pooler = {"pool": Linear(self.width, self.width, True, SMALL, Constant(0.0))} if self.pool == "pooler" else {}
        return {
            "input_norm": LayerNorm(self.width, self.eps),
            **{f"blocks.{i}": self.block() for i in range(self.layers)},
            **pooler,
            "projection": Linear(self.width, self.embed_dim, False, weight_initial=SMALL),
        }

    def parameters(self):
        rows = {"tokens": self.vocab_size, "positions": self.max_positions, "types": self.token_types}
        return {name: Parameter((count, self.width), SMALL) for name, count in rows.items()}

    def length(self, ids, end=None):
        """Up to the last id that is no padding: what stands behind it takes no part."""
        return int((np.where(ids == PAD, 0, np.arange(ids.shape[1]))).max()) + 1

    def trunk(self, ops, p, ids, table=None):  # int [B, L], [V, width] -> each part's [B, L, width]
        rows = ops.take(p["tokens"] if table is None else table, ids)
        x = p.input_norm(rows + p["positions"][: ids.shape[1]] + p["types"][0])
        mask = words_there(ops, ids)
        return through(p, x, self.layers, options=lambda block: {"mask": mask})

    def read_features(self, ops, p, seen):
        if self.pool == "mean":
            mask = words_there(ops, seen.inputs[0])
            weights = mask / ops.sum(mask, 1, keepdims=True)
            return ops.sum(seen.last * ops.reshape(weights, (*weights.shape, 1)), 1)
        first = seen.last[:, 0]
        return ops.tanh(p.pool(first)) if self.pool == "pooler" else first

    def read_tokens(self, ops, p, seen):
        return seen.last, words_there(ops, seen.inputs[0])

    def read_stages(self, ops, p, seen):
        require_parts(self.layers)
        return seen.trunk


def words_there(ops, ids):  # int [B, L] -> [B, L]: 1 up to the last id that is no padding, 0 behind it
    """An id inside a text may look like padding (CLIP's 0 is a word too), so that it goes by the last one. The first
    place is always there."""
    places = np.arange(ids.shape[1], dtype=np.int32)
    last = ops.argmax(ops.where(ops.equal(ids, ops.constant(PAD)), ops.constant(PAD), ops.constant(places)), 1)
    behind = ops.less(ops.reshape(last, (ids.shape[0], 1)), ops.constant(places))
    return 1.0 - ops.cast(behind, "float")
