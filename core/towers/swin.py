"""Swin transformer (Liu et al. 2021) as UniCL's and LightCLIP's image tower: mean of the last tokens, a projection."""

from dataclasses import dataclass

import numpy as np

from tandemclip.core.bounds import BelowOne, Count, Counts, Depths, Positive
from tandemclip.core.layers.block import Block, FeedForward
from tandemclip.core.layers.drop_path import DropPath
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
    attention. window: the side of windows in tokens; where a map is not larger at `resolution`, it is one window, and
    the stage's windows have its size at any other resolution too. patch: the side of a patch, in pixels. drop_path: the
    last block's chance to lose a residual branch of a sample in training (Huang et al. 2016), linear from 0 at the
    first; what is kept is scaled up. eps: of the LayerNorms. projection_bias: whether the last linear layer has one.
    """

    resolution: Count
    embed_dim: Count
    width: Count
    depths: Depths
    heads: Counts
    window: Count = 7
    patch: Count = 4
    drop_path: BelowOne = 0.0
    eps: Positive = 1e-5
    projection_bias: bool = False
    roi: None = None

    stem_names = ("patches", "input_norm")

    def __post_init__(self):
        if self.resolution % self.stride:
            raise ValueError(
                f"resolution {self.resolution} is not a multiple of {self.stride}, patch and stages together"
            )
        if len(self.heads) != len(self.depths):
            raise ValueError(f"{len(self.depths)} depths and {len(self.heads)} heads: each stage needs one of both")
        _ = DropPath(self.drop_path)
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
            if side % window:  # padding would be right, and a waste at every step
                raise ValueError(f"a map of {side} x {side} tokens does not split into windows of {window}")
            for j in range(depth):
                attention = WindowAttention(width, heads, window, window // 2 if j % 2 else 0, INITIAL)
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
    def stage_depths(self):
        return self.depths

    @property
    def stride(self):
        return self.patch * 2 ** (len(self.depths) - 1)

    @property
    def feature_dim(self):
        return self.stage_dims[-1]

    @property
    def token_dim(self):
        return self.stage_dims[-1]

    def part(self, name):
        first, *rest = name.split(".")
        return f"stages.{int(rest[0]) + 1}" if first == "merges" else super().part(name)

    def layer(self, name):
        """A merge counts to the block in front of it (SimMIM, Xie et al. 2022)."""
        first, *rest = name.split(".")
        return sum(self.depths[: int(rest[0]) + 1]) if first == "merges" else super().layer(name)

    def map_of(self, x, images):  # [B, h, w, C], as it lies
        return x

    def begin(self, ops, p, images):  # [B, 3, H, W] -> [B, H / patch, W / patch, width]
        batch, _, height, width = images.shape
        size = height // self.patch, width // self.patch
        return ops.reshape(p.input_norm(p.patches(images)), (batch, *size, self.width))

    def stage(self, ops, p, index, x):  # [B, h, w, C] -> the same, or [B, h / 2, w / 2, 2 C] behind the first stage
        return super().stage(ops, p, index, p.child(f"merges.{index - 1}")(x) if index else x)

    def read_last(self, ops, p, seen):  # [B, h, w, C]
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
