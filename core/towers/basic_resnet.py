"""ResNet18 and its like (He et al. 2016) with CLIP's attention pool: LightCLIP's largest image tower."""

from dataclasses import dataclass
from typing import Literal

from tandemclip.core.bounds import Count, Depths
from tandemclip.core.layers.basic_block import BasicBlock
from tandemclip.core.layers.convolution import by_outputs
from tandemclip.core.layers.norm import BatchNorm
from tandemclip.core.layers.stem import clip_stem, max_pool, through_clip_stem
from tandemclip.core.towers.pooled import PooledTower, strided_pool

STAGES = 4


@dataclass(frozen=True)
class BasicResNet(PooledTower):
    """ResNet18 and its like with CLIP's attention pool.

    layers: blocks of each of the four stages. width: of the first stage; every further one is twice as wide at half the
    resolution. stem: "clip", three convolutions and means of 2 x 2; "torchvision", 7 x 7 of stride 2 and maxima of 3 x
    3 at every second place. heads: of the attention pool. positions: whether the attention pool has any.

    LightCLIP says neither heads nor positions; its printed count of 12.51 million
    parameters is that of the defaults.
    """

    resolution: Count
    layers: Depths
    embed_dim: Count
    heads: Count
    width: Count = 64
    stem: Literal["clip", "torchvision"] = "clip"
    positions: bool = False
    roi: None = None

    stem_names = ("stem", "stem_norm", "first", "first_norm")

    def __post_init__(self):
        if len(self.layers) != STAGES:
            raise ValueError(f"layers has {len(self.layers)} numbers; give one for each of {STAGES} stages")
        _ = self.nodes  # whatever does not fit is told before anything runs

    def children(self):
        if self.stem == "clip":
            own = clip_stem(self.width)
        else:
            own = {"first": by_outputs(3, self.width, 7, 2), "first_norm": BatchNorm(self.width)}
        inputs = self.width
        for stage, (depth, width) in enumerate(zip(self.layers, self.stage_dims)):
            for i in range(depth):
                own[f"stages.{stage}.{i}"] = BasicBlock(inputs, width, 2 if stage and not i else 1)
                inputs = width
        return own | {"pool": strided_pool(self, self.heads, self.positions)}

    @property
    def stage_dims(self):
        return tuple(self.width * 2**i for i in range(len(self.layers)))

    @property
    def stage_depths(self):
        return self.layers

    def begin(self, ops, p, images):  # [B, 3, H, W] -> [B, width, H / 4, W / 4]
        if self.stem == "clip":
            return through_clip_stem(ops, p, images)
        return max_pool(ops, ops.relu(p.first_norm(p.first(images))))
