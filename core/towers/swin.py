"""Swin transformer (Liu et al. 2021) as UniCL's and LightCLIP's image tower: mean of the last tokens, a projection."""

from dataclasses import dataclass

import numpy as np

from tandemclip.core.bounds import BelowOne, Count, Counts, Positive
from tandemclip.core.layers.block import Block, FeedForward
from tandemclip.core.layers.linear import Linear
from tandemclip.core.layers.norm import LayerNorm
from tandemclip.core.layers.patches import PatchEmbedding, PatchMerging
from tandemclip.core.layers.window import WindowAttention
from tandemclip.core.spec import Constant, Normal
from tandemclip.core.towers.tower import ImageTower

# Released UniCL's; timm's truncated normal cuts at 2, a hundred deviations away, and so is a plain one.
INITIAL = Normal(0.02)


@dataclass(frozen=True)
class SwinTransformer(ImageTower):
    """Swin transformer. The output norm is the last map's alone: stages stand before it.

    width: of the first stage, doubled by each further one. depths: blocks of each stage. heads: of each stage's
    attention. window: the side of windows in tokens; where a map is not larger, it is one window, and there is no
    shift. patch: the side of a patch, in pixels. drop_path: the last block's chance to lose a residual branch of a
    sample in training (Huang et al. 2016), linear from 0 at the first; what is kept is scaled up. eps: of the
    LayerNorms. projection_bias: whether the last linear layer has one.
    """

    resolution: Count
    embed_dim: Count
    width: Count
    depths: Counts
    heads: Counts
    window: Count = 7
    patch: Count = 4
    drop_path: BelowOne = 0.0
    eps: Positive = 1e-5
    projection_bias: bool = False
    roi: None = None

    stem_names = ("patches", "input_norm")

    def __post_init__(self):
        smallest = self.patch * 2 ** (len(self.depths) - 1)
        if self.resolution % smallest:
            raise ValueError(f"resolution {self.resolution} is not a multiple of {smallest}, patch and stages together")
        if len(self.heads) != len(self.depths):
            raise ValueError(f"{len(self.depths)} depths and {len(self.heads)} heads: each stage needs one of both")
        _ = self.nodes  # whatever does not fit is told before anything runs

    def children(self):
        widths = [self.width * 2**i for i in range(len(self.depths))]
        rates = iter(np.linspace(0.0, self.drop_path, sum(self.depths)).tolist())
        own = {
            "patches": PatchEmbedding(self.patch, self.width, bias=True),
            "input_norm": LayerNorm(self.width, self.eps),
        }
        for i, (depth, heads, width) in enumerate(zip(self.depths, self.heads, widths)):
            side = self.resolution // self.patch // 2**i
            window = min(self.window, side)
            for j in range(depth):
                shift = window // 2 if j % 2 and side > window else 0
                attention = WindowAttention(width, heads, side, window, shift, INITIAL)
                feed_forward = FeedForward(width, 4 * width, "gelu", INITIAL, INITIAL, Constant(0.0))
                rate = next(rates)
                own[f"stages.{i}.{j}"] = Block(attention, feed_forward, self.eps, rate if self.drop_path else None)
            if width != widths[-1]:
                own[f"merges.{i}"] = PatchMerging(width, INITIAL, self.eps)
        own["output_norm"] = LayerNorm(widths[-1], self.eps)
        own["projection"] = Linear(widths[-1], self.embed_dim, self.projection_bias, INITIAL, Constant(0.0))
        return own

    @property
    def stage_dims(self):
        return tuple(self.width * 2**i for i in range(len(self.depths)))

    @property
    def feature_dim(self):
        return self.stage_dims[-1]

    @property
    def token_dim(self):
        return self.stage_dims[-1]

    def part(self, name):
        first, *rest = name.split(".")
        return f"stages.{int(rest[0]) + 1}" if first == "merges" else super().part(name)

    def trunk(self, ops, p, images):  # [B, 3, resolution, resolution] -> each stage's [B, S, S, C], before merging
        side, seen = self.resolution // self.patch, []
        x = ops.reshape(p.input_norm(p.patches(images)), (images.shape[0], side, side, self.width))
        for i, depth in enumerate(self.depths):
            if i:
                x = p.child(f"merges.{i - 1}")(x)
            for j in range(depth):
                x = p.child(f"stages.{i}.{j}")(x)
            seen.append(x)
        return tuple(seen)

    def read_last(self, ops, p, seen):  # [B, S, S, C]
        return p.output_norm(seen.trunk[-1])

    def read_features(self, ops, p, seen):  # the mean of the last map
        return ops.mean(seen.last, (1, 2))

    def read_tokens(self, ops, p, seen):
        batch, rows, columns, width = seen.last.shape
        return ops.reshape(seen.last, (batch, rows * columns, width)), None

    def read_grid(self, ops, p, seen):
        return channels_first(ops, seen.last)

    def read_stages(self, ops, p, seen):
        return tuple(channels_first(ops, x) for x in seen.trunk)


def channels_first(ops, x):  # [B, h, w, C] -> [B, C, h, w]
    return ops.transpose(x, (0, 3, 1, 2))
