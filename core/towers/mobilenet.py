"""MobileNet-V2 (Sandler et al. 2018) with CLIP's attention pool: LightCLIP's smallest image tower."""

from dataclasses import dataclass

from tandemclip.core.bounds import Count, Counts, Depths
from tandemclip.core.layers.convolution import by_outputs
from tandemclip.core.layers.inverted_residual import InvertedResidual, relu6
from tandemclip.core.layers.norm import BatchNorm
from tandemclip.core.towers.pooled import PooledTower, strided_pool

STRIDES = (1, 2, 2, 2, 1, 2, 1)  # of the seven rows of bottlenecks in table 2, taken by a row's first block
STAGES = ((0, 1), (2,), (3, 4), (5, 6))  # the rows of each stage; a stage ends where the next row has a stride


@dataclass(frozen=True)
class MobileNetV2(PooledTower):
    """Table 2 up to the last bottleneck: its 1 x 1 convolution to 1,280 channels, which the pool replaces, is left out.

    width: of the first convolution. widths, blocks: c and n of the seven rows of bottlenecks. expansion: t of all but
    the first, which has 1. heads: of the attention pool. positions: whether the attention pool has any.
    """

    resolution: Count
    embed_dim: Count
    heads: Count
    width: Count = 32
    widths: Counts = (16, 24, 32, 64, 96, 160, 320)
    blocks: Depths = (1, 2, 3, 4, 3, 3, 1)
    expansion: Count = 6
    positions: bool = False
    roi: None = None

    stem_names = ("first", "first_norm")

    def __post_init__(self):
        if not len(self.widths) == len(self.blocks) == len(STRIDES):
            raise ValueError(f"widths has {len(self.widths)} numbers and blocks {len(self.blocks)}; give 7 of each")
        _ = self.nodes  # whatever does not fit is told before anything runs

    def children(self):
        own = {"first": by_outputs(3, self.width, 3, 2), "first_norm": BatchNorm(self.width)}
        inputs = self.width
        for stage, rows in enumerate(STAGES):
            places = [(row, i) for row in rows for i in range(self.blocks[row])]
            for place, (row, i) in enumerate(places):
                stride, expansion = 1 if i else STRIDES[row], self.expansion if row else 1
                own[f"stages.{stage}.{place}"] = InvertedResidual(inputs, self.widths[row], stride, expansion)
                inputs = self.widths[row]
        return own | {"pool": strided_pool(self, self.heads, self.positions)}

    @property
    def stage_dims(self):
        return tuple(self.widths[rows[-1]] for rows in STAGES)

    @property
    def stage_depths(self):
        return tuple(sum(self.blocks[row] for row in rows) for rows in STAGES)

    def begin(self, ops, p, images):  # [B, 3, H, W] -> [B, width, H / 2, W / 2]
        return relu6(ops, p.first_norm(p.first(images)))
