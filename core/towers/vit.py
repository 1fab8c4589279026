"""CLIP's vision transformer, with PyramidCLIP's LeFF blocks and ROI path, and the plain form that SLIP takes."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from tandemclip.core.bounds import Count, Depth, Natural, Positive
from tandemclip.core.layers.activation import Activation
from tandemclip.core.layers.attention import SelfAttention
from tandemclip.core.layers.block import Block, FeedForward
from tandemclip.core.layers.leff import LeFF
from tandemclip.core.layers.linear import Linear
from tandemclip.core.layers.norm import LayerNorm
from tandemclip.core.layers.patches import PatchEmbedding
from tandemclip.core.layers.roi import RoiEmbedding, RoiInput, in_front
from tandemclip.core.precision import exact
from tandemclip.core.spec import Constant, Normal, Parameter
from tandemclip.core.towers.interpolation import resampled
from tandemclip.core.towers.parts import EqualParts, ends, require_parts, through
from tandemclip.core.towers.tower import ImageTower

SMALL = Normal(0.02)


@dataclass(frozen=True)
class VisionTransformer(EqualParts, ImageTower):
    """CLIP's vision transformer. The class token is in no stage and not among the tokens; stages are four equal parts
    of the blocks.

    patch: the side of a patch, in pixels; it divides `resolution`. width: of the tokens. layers: how many blocks.
    heads: of each attention; they divide `width`. leff_depth: the first so many blocks carry LeFF (PyramidCLIP: 9 of
    12, CLIP: 0), the others a plain feed-forward. activation: of the feed-forwards; released CLIP weights want
    quick_gelu. frozen_patches: the patch embedding stays as drawn (released PyramidCLIP freezes it). eps: of the
    LayerNorms. input_norm: a LayerNorm in front of the blocks; timm's form, which SLIP takes, has none. patch_bias: the
    patch embedding has a bias (timm's). initial: "clip", or "0.02" for timm's: that deviation for class token,
    positions and every matrix in the blocks, and biases of 0.

    The rear blocks, those without LeFF, are what an ROI sequence goes through (PyramidCLIP Fig. 3b): with leff_depth 0
    all of them, with leff_depth = layers none, and the class token's projection is the answer to every sequence.
    For pictures of another size the positions are interpolated in every pass, so that the learnt ones get a gradient
    there too.
    """

    resolution: Count
    patch: Count
    width: Count
    layers: Depth
    heads: Count
    embed_dim: Count
    leff_depth: Natural = 0
    roi: RoiInput | None = None
    activation: Activation = "quick_gelu"
    frozen_patches: bool = False
    eps: Positive = 1e-5
    input_norm: bool = True
    patch_bias: bool = False
    initial: Literal["clip", "0.02"] = "clip"

    stem_names = ("patches", "input_norm", "class_token", "positions")

    def __post_init__(self):
        if self.leff_depth > self.layers:
            raise ValueError(f"leff_depth is {self.leff_depth}; it counts blocks of {self.layers}")
        if self.resolution % self.patch:
            raise ValueError(f"resolution {self.resolution} is not a multiple of the patch, {self.patch}")
        if self.width % self.heads:
            raise ValueError(f"width {self.width} does not split into {self.heads} heads")
        if self.initial != "clip" and self.leff_depth:
            raise ValueError(f"initial {self.initial} is for plain feed-forwards, and leff_depth is {self.leff_depth}")

    def block(self, index: int) -> Block:
        sizes = self.width, 4 * self.width, self.activation
        if self.initial == "clip":
            attention = SelfAttention(self.width, self.heads)
            return Block(attention, (LeFF if index < self.leff_depth else FeedForward)(*sizes), self.eps)
        attention = SelfAttention(self.width, self.heads, qkv_initial=SMALL, output_initial=SMALL)
        return Block(attention, FeedForward(*sizes, SMALL, SMALL, Constant(0.0)), self.eps)

    def children(self):
        norm = {"input_norm": LayerNorm(self.width, self.eps)} if self.input_norm else {}
        own = {
            "patches": PatchEmbedding(self.patch, self.width, self.frozen_patches, self.patch_bias),
            **norm,
            **{f"blocks.{i}": self.block(i) for i in range(self.layers)},
            "output_norm": LayerNorm(self.width, self.eps),
            "projection": Linear(self.width, self.embed_dim, bias=False, weight_initial=Normal(self.width**-0.5)),
        }
        if self.roi is not None:
            own["rois"] = RoiEmbedding(self.roi, self.width)
        return own

    def parameters(self):
        scale = Normal(self.width**-0.5) if self.initial == "clip" else SMALL
        positions = 1 + (self.resolution // self.patch) ** 2
        return {
            "class_token": Parameter((self.width,), scale),
            "positions": Parameter((positions, self.width), scale),
        }

    @property
    def stage_depths(self):
        return tuple(end - begin for begin, end in pairwise((0, *ends(self.layers))))

    @property
    def stride(self):
        return self.patch

    @property
    def watched(self):  # behind the last block only the class token is read
        return f"blocks.{self.layers - 1}.attention_norm"

    def map_of(self, x, images):  # [B, h w, C], or [B, 1 + h w, C] whose class token has no place -> [B, h, w, C]
        rows, columns = self.grid(images)
        if x.ndim != 3 or x.shape[1] - rows * columns not in (0, 1):
            return x
        return x[:, x.shape[1] - rows * columns :].reshape(len(x), rows, columns, x.shape[2])

    def trunk(self, ops, p, images, stop=None):  # [B, 3, H, W] -> each part's [B, 1 + h w, width], class token first
        tokens, grid = p.patches(images), self.grid(images)
        front = ops.broadcast_to(p["class_token"], (tokens.shape[0], 1, self.width))
        x = self.normed(p, ops.concat((front, tokens), 1) + self.positions_on(ops, p, grid))
        return through(p, x, self.layers, stop, lambda i: {"grid": grid} if i < self.leff_depth else {})

    def normed(self, p, x):  # what goes into the first block
        return p.input_norm(x) if self.input_norm else x

    def grid(self, images):  # [B, 3, H, W] -> (h, w) in patches
        return images.shape[2] // self.patch, images.shape[3] // self.patch

    def positions_on(self, ops, p, grid):  # (h, w) -> [1 + h w, width]
        side, positions = self.resolution // self.patch, p["positions"]
        if grid == (side, side):
            return positions
        return ops.concat((positions[:1], resampled(exact(ops), positions[1:], side, grid)), 0)

    def read_features(self, ops, p, seen):  # the class token's, after the output norm
        return p.output_norm(seen.last[:, 0])

    def read_tokens(self, ops, p, seen):  # the patches', after the output norm
        return p.output_norm(seen.last[:, 1:]), None

    def read_grid(self, ops, p, seen):
        return self.in_places(ops, seen.tokens[0], self.grid(seen.inputs[0]))

    def read_stages(self, ops, p, seen):  # the patches' residual stream
        require_parts(self.layers)
        return tuple(self.in_places(ops, x[:, 1:], self.grid(seen.inputs[0])) for x in seen.trunk)

    def in_places(self, ops, patches, grid):  # [B, h w, width], (h, w) -> [B, width, h, w]
        return ops.reshape(ops.transpose(patches, (0, 2, 1)), (patches.shape[0], self.width, *grid))

    def encode_rois(self, ops, p, rois, mask):  # [B, n, D + 4], [B, n] -> [B, embed_dim]
        token = p["class_token"] if self.roi.class_token == "image" else p.rois["class_token"]
        front = ops.broadcast_to(token, (rois.shape[0], 1, self.width))
        tokens, mask = in_front(ops, front, p.rois(rois), mask)
        tokens = self.normed(p, tokens)
        for i in range(self.leff_depth, self.layers):
            tokens = p.child(f"blocks.{i}")(tokens, mask)
        return p.projection(p.output_norm(tokens[:, 0]))
