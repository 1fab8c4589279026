"""CLIP's ModifiedResNet (Radford et al. 2021, 2.4), with PyramidCLIP's ROI path through the attention pool."""

from dataclasses import dataclass

from tandemclip.core.bounds import Count, Depth
from tandemclip.core.layers.attention_pool import AttentionPool
from tandemclip.core.layers.bottleneck import EXPANSION, Bottleneck
from tandemclip.core.layers.convolution import Convolution
from tandemclip.core.layers.linear import Linear
from tandemclip.core.layers.roi import RoiInput
from tandemclip.core.layers.stem import clip_stem, through_clip_stem
from tandemclip.core.spec import Normal
from tandemclip.core.towers.pooled import STRIDE, PooledTower


@dataclass(frozen=True)
class PooledBottleneck(Bottleneck):
    """A stride is taken by average pooling, never by a convolution; the block starts as its shortcut."""

    last_scale = 0.0

    def convolution(self, inputs, outputs, kernel, stride=1):
        return Convolution(inputs, outputs, kernel)

    def pool(self, ops, x):
        return ops.avg_pool2d(x, self.stride) if self.stride > 1 else x


@dataclass(frozen=True)
class ModifiedResNet(PooledTower):
    """CLIP's ResNet: three-convolution stem, four stages of bottlenecks, attention pool.

    layers: bottlenecks of each stage. width: of the stem; the last stage gives 32 times as many channels. heads: of the
    attention pool. Resolution / 32 is the pool's side. pool_dim: what the pool gives, where a linear map to the
    embedding stands behind it (DeCLIP's copy of SLIP: 2,048); null: the pool gives the embedding.
    """

    resolution: Count
    layers: tuple[Depth, Depth, Depth, Depth]
    width: Count
    heads: Count
    embed_dim: Count
    roi: RoiInput | None = None
    pool_dim: Count | None = None

    stem_names = ("stem", "stem_norm")

    def __post_init__(self):
        if self.resolution % 16 or self.resolution < STRIDE:
            raise ValueError(f"resolution {self.resolution} is not a multiple of 16 from {STRIDE} up")
        _ = self.nodes  # whatever does not fit is told before anything runs

    def children(self):
        own, inputs, width = clip_stem(self.width), self.width, self.width
        for stage, depth in enumerate(self.layers):
            for i in range(depth):
                stride = 2 if stage > 0 and i == 0 else 1
                own[f"stages.{stage}.{i}"] = PooledBottleneck(inputs, width * 2**stage, stride)
                inputs = width * 2**stage * EXPANSION
        own["pool"] = AttentionPool(self.resolution // STRIDE, inputs, self.heads, self.feature_dim, self.roi)
        if self.pool_dim is not None:
            own["projection"] = Linear(self.pool_dim, self.embed_dim, weight_initial=Normal(self.pool_dim**-0.5))
        return own

    @property
    def grid_resolution(self):
        return -(-self.resolution // STRIDE) * STRIDE  # at any other, the map leaves out the last rows and columns

    @property
    def feature_dim(self):
        return self.embed_dim if self.pool_dim is None else self.pool_dim

    @property
    def stage_dims(self):
        return tuple(self.width * 2**i * EXPANSION for i in range(len(self.layers)))

    @property
    def stage_depths(self):
        return self.layers

    def begin(self, ops, p, images):  # [B, 3, H, W] -> [B, width, H / 4, W / 4]
        return through_clip_stem(ops, p, images)

    def projected(self, p, features):  # [B, feature_dim] -> [B, embed_dim]
        return features if self.pool_dim is None else p.projection(features)

    def read_embedding(self, ops, p, seen):
        return self.projected(p, seen.features)

    def encode_rois(self, ops, p, rois, mask):  # only the attention pool sees them (PyramidCLIP Fig. 3a)
        return self.projected(p, p.pool.encode_rois(rois, mask))
