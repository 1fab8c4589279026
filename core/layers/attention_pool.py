"""CLIP's attention pool (Radford et al. 2021, 2.3): a map of places becomes one embedding."""

from dataclasses import dataclass

import numpy as np

from tandemclip.core.layers.attention import join_heads, split_heads
from tandemclip.core.layers.linear import Linear
from tandemclip.core.layers.norm import LayerNorm
from tandemclip.core.layers.roi import RoiEmbedding, RoiInput, in_front
from tandemclip.core.spec import Normal, Parameter, Spec

ONE = np.ones((), np.float32)


@dataclass(frozen=True)
class AttentionPool(Spec):
    """One attention layer whose only query is the mean token. An ROI sequence goes through the same q, k, v and c.

    positions: whether learnt ones are added, the mean token's first; without, the map may be of any size.
    """

    side: int
    width: int
    heads: int
    embed_dim: int
    roi: RoiInput | None = None
    positions: bool = True

    def __post_init__(self):
        if self.width % self.heads:
            raise ValueError(f"the attention pool is {self.width} wide, which does not split into {self.heads} heads")

    def children(self):
        initial = Normal(self.width**-0.5)
        own = {name: Linear(self.width, self.width, weight_initial=initial) for name in ("query", "key", "value")}
        own["output"] = Linear(self.width, self.embed_dim, weight_initial=initial)
        if self.roi is not None:
            own |= {"rois": RoiEmbedding(self.roi, self.width), "roi_norm": LayerNorm(self.width)}
        return own

    def parameters(self):
        if not self.positions:
            return {}
        return {"positions": Parameter((1 + self.side**2, self.width), Normal(self.width**-0.5))}

    def forward(self, ops, p, x):  # [B, width, side, side] -> [B, embed_dim]
        batch, width, height, breadth = x.shape
        tokens = ops.transpose(ops.reshape(x, (batch, width, height * breadth)), (0, 2, 1))
        tokens = ops.concat((ops.mean(tokens, 1, True), tokens), 1)
        return self.pool(ops, p, tokens + p["positions"] if self.positions else tokens)

    def encode_rois(self, ops, p, rois, mask):  # [B, n, D + 4], [B, n] -> [B, embed_dim]
        tokens = p.rois(rois)
        real = ops.reshape(mask, (*mask.shape, 1))
        mean = ops.sum(tokens * real, 1, True) / ops.maximum(ops.sum(real, 1, True), ops.constant(ONE))
        tokens, mask = in_front(ops, mean, tokens, mask)
        return self.pool(ops, p, p.roi_norm(tokens), mask)

    def pool(self, ops, p, tokens, mask=None):  # [B, N, width], [B, N] -> [B, embed_dim]
        q, k, v = p.query(tokens[:, :1]), p.key(tokens), p.value(tokens)
        pooled = ops.attention(*(split_heads(ops, x, self.heads) for x in (q, k, v)), mask)
        return p.output(join_heads(ops, pooled)[:, 0])
