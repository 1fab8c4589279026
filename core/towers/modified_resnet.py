"""CLIP's ModifiedResNet (Radford et al. 2021, 2.4), with PyramidCLIP's ROI path through the attention pool."""

from dataclasses import dataclass

import numpy as np

from tandemclip.core.layers.attention import join_heads, split_heads
from tandemclip.core.layers.bottleneck import EXPANSION, Bottleneck, through_stages
from tandemclip.core.layers.convolution import Convolution
from tandemclip.core.layers.linear import Linear
from tandemclip.core.layers.norm import BatchNorm, LayerNorm
from tandemclip.core.layers.roi import RoiEmbedding, RoiInput, in_front
from tandemclip.core.spec import Normal, Parameter, Spec
from tandemclip.core.towers.tower import ImageTower, require_positive

STRIDE = 32  # pixels between two places of the map in front of the pool
ONE = np.ones((), np.float32)


@dataclass(frozen=True)
class PooledBottleneck(Bottleneck):
    """A stride is taken by average pooling, never by a convolution; the block starts as its shortcut."""

    last_scale = 0.0

    def convolution(self, inputs, outputs, kernel, stride=1):
        return Convolution(inputs, outputs, kernel)

    def pool(self, ops, x):
        return ops.avg_pool2d(x, self.stride) if self.stride > 1 else x


@dataclass(frozen=True)
class AttentionPool(Spec):
    """One attention layer whose only query is the mean token. An ROI sequence goes through the same q, k, v and c."""

    side: int
    width: int
    heads: int
    embed_dim: int
    roi: RoiInput | None = None

    def children(self):
        initial = Normal(self.width**-0.5)
        own = {name: Linear(self.width, self.width, weight_initial=initial) for name in ("query", "key", "value")}
        own["output"] = Linear(self.width, self.embed_dim, weight_initial=initial)
        if self.roi is not None:
            own |= {"rois": RoiEmbedding(self.roi, self.width), "roi_norm": LayerNorm(self.width)}
        return own

    def parameters(self):
        return {"positions": Parameter((1 + self.side**2, self.width), Normal(self.width**-0.5))}

    def forward(self, ops, p, x):  # [B, width, side, side] -> [B, embed_dim]
        batch, width, height, breadth = x.shape
        tokens = ops.transpose(ops.reshape(x, (batch, width, height * breadth)), (0, 2, 1))
        tokens = ops.concat((ops.mean(tokens, 1, True), tokens), 1) + p["positions"]
        return self.pool(ops, p, tokens)

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


@dataclass(frozen=True)
class ModifiedResNet(ImageTower):
    """Image tower: three-convolution stem, four stages of bottlenecks, attention pool.

    Resolution / 32 is the pool's side.
    """

    resolution: int
    layers: tuple[int, int, int, int]
    width: int
    heads: int
    embed_dim: int
    roi: RoiInput | None = None

    def __post_init__(self):
        require_positive(resolution=self.resolution, layers=self.layers, width=self.width, heads=self.heads)
        require_positive(embed_dim=self.embed_dim)
        if self.resolution % 16 or self.resolution < STRIDE:
            raise ValueError(f"resolution {self.resolution} is not a multiple of 16 from {STRIDE} up")
        if self.width % 2:
            raise ValueError(f"width {self.width} is not even, and the stem's first half is half as wide")
        if self.token_dim % self.heads:
            raise ValueError(f"the pool is 32 x {self.width} wide, which does not split into {self.heads} heads")

    def children(self):
        half, width = self.width // 2, self.width
        own = {
            "stem.0": Convolution(3, half, 3, stride=2),
            "stem_norm.0": BatchNorm(half),
            "stem.1": Convolution(half, half, 3),
            "stem_norm.1": BatchNorm(half),
            "stem.2": Convolution(half, width, 3),
            "stem_norm.2": BatchNorm(width),
        }
        inputs = width
        for stage, depth in enumerate(self.layers):
            for i in range(depth):
                stride = 2 if stage > 0 and i == 0 else 1
                own[f"stages.{stage}.{i}"] = PooledBottleneck(inputs, width * 2**stage, stride)
                inputs = width * 2**stage * EXPANSION
        return own | {"pool": AttentionPool(self.resolution // STRIDE, inputs, self.heads, self.embed_dim, self.roi)}

    @property
    def grid_resolution(self):
        return -(-self.resolution // STRIDE) * STRIDE  # at any other, the map leaves out the last rows and columns

    @property
    def stage_dims(self):
        return tuple(self.width * 2**i * EXPANSION for i in range(len(self.layers)))

    @property
    def token_dim(self):
        return self.stage_dims[-1]

    @property
    def feature_dim(self):
        return self.embed_dim  # the pool has no projection of its own

    def trunk(self, ops, p, images):  # [B, 3, H, W] -> each stage's [B, C, h, w], at last [B, 32 width, H / 32, W / 32]
        x = images
        for i in range(3):
            x = ops.relu(p.child(f"stem_norm.{i}")(p.child(f"stem.{i}")(x)))
        return through_stages(p, ops.avg_pool2d(x, 2), self.layers)

    def read_features(self, ops, p, seen):
        return p.pool(seen.last)

    def read_embedding(self, ops, p, seen):
        return seen.features

    def encode_rois(self, ops, p, rois, mask):  # only the attention pool sees them (PyramidCLIP Fig. 3a)
        return p.pool.encode_rois(rois, mask)
