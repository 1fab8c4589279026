"""ResNet (He et al. 2016) in torchvision's layout, its last map averaged: UniCL's other image tower."""

from dataclasses import dataclass
from typing import Literal

from tandemclip.core.bounds import Count, Depths
from tandemclip.core.layers.bottleneck import EXPANSION, Bottleneck
from tandemclip.core.layers.convolution import by_outputs
from tandemclip.core.layers.linear import Linear
from tandemclip.core.layers.norm import BatchNorm
from tandemclip.core.layers.stem import max_pool
from tandemclip.core.spec import Normal
from tandemclip.core.towers.tower import ImageTower


@dataclass(frozen=True)
class StridedBottleneck(Bottleneck):
    """A stride is taken by the convolution in the middle ("V1.5")."""

    def convolution(self, inputs, outputs, kernel, stride=1):
        return by_outputs(inputs, outputs, kernel, stride)


@dataclass(frozen=True)
class ResNet(ImageTower):
    """torchvision's ResNet, its last map averaged.

    layers: blocks of each stage. width: of the first stage; every further one is twice as wide at half the resolution.
    stem: "photos", 7 x 7 of stride 2 and maxima of 3 x 3 at every second place; "tiny", one 3 x 3 that keeps the
    resolution (for pictures of 32 pixels, as SupCon's and most others').
    """

    resolution: Count
    layers: Depths
    embed_dim: Count
    width: Count = 64
    stem: Literal["photos", "tiny"] = "photos"
    roi: None = None

    stem_names = ("first", "first_norm")

    def __post_init__(self):
        if self.resolution % self.stride:
            raise ValueError(
                f"resolution {self.resolution} is not a multiple of {self.stride}, what stem and stages divide it by"
            )

    def children(self):
        kernel, stride = (7, 2) if self.stem == "photos" else (3, 1)
        own = {"first": by_outputs(3, self.width, kernel, stride), "first_norm": BatchNorm(self.width)}
        inputs = self.width
        for stage, depth in enumerate(self.layers):
            for i in range(depth):
                own[f"stages.{stage}.{i}"] = StridedBottleneck(
                    inputs, self.width * 2**stage, 2 if stage and not i else 1
                )
                inputs = self.width * 2**stage * EXPANSION
        return own | {"projection": Linear(inputs, self.embed_dim, bias=False, weight_initial=Normal(0.02))}

    @property
    def stage_dims(self):
        return tuple(self.width * 2**i * EXPANSION for i in range(len(self.layers)))

    @property
    def stage_depths(self):
        return self.layers

    @property
    def stride(self):
        return (4 if self.stem == "photos" else 1) * 2 ** (len(self.layers) - 1)

    @property
    def token_dim(self):
        return self.stage_dims[-1]

    feature_dim = token_dim

    def begin(self, ops, p, images):  # [B, 3, H, W] -> [B, width, h, w], a quarter of the picture or all of it
        x = ops.relu(p.first_norm(p.first(images)))
        return max_pool(ops, x) if self.stem == "photos" else x

    def read_features(self, ops, p, seen):  # the mean of the last map
        return ops.mean(seen.last, (2, 3))
