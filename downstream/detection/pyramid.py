"""The simple feature pyramid (Li et al. 2022, ViTDet, section 3): all levels from the last map of a plain ViT."""

from collections.abc import Sequence
from math import log2

import torch.nn.functional as F
from torch import Tensor, nn

from tandemclip.core.errors import UserError
from tandemclip.downstream.detection.channel_norm import ChannelNorm

EPS = 1e-6  # Detectron2's, of the norms


class SimpleFeaturePyramid(nn.Module):
    """Maps of which the last is [B, in_channels, h, w] -> [B, out_channels, h', w'] a level, a tuple of num_outs.

    in_stride: pixels between two places of that map, the ViT's patch. strides: of the levels; each is in_stride times
    a power of two. A finer level has deconvolutions of stride 2, each half as wide as what it is given, norm and GELU
    between two; a coarser one maxima of 2 x 2; all have a 1 x 1 and a 3 x 3 convolution, a norm behind each. Levels
    beyond `strides` are every second place of the one before, as an FPN of mmdet's has it.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int = 256,
        in_stride: int = 16,
        strides: Sequence[float] = (4, 8, 16, 32),
        num_outs: int = 5,
    ):
        super().__init__()
        if num_outs < len(strides):
            raise UserError(f"num_outs={num_outs} is less than the {len(strides)} strides; give as many or more")
        steps = [log2(in_stride / stride) for stride in strides]
        if not all(step.is_integer() and in_channels % 2 ** max(step, 0) == 0 for step in steps):
            raise UserError(
                f"strides={tuple(strides)} cannot be had from {in_channels} channels at in_stride={in_stride}; give "
                "in_stride times powers of two, and channels that can be halved as often as the map is doubled"
            )
        self.levels = nn.ModuleList(_level(int(step), in_channels, out_channels) for step in steps)
        self.num_outs = num_outs

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        found = [level(maps[-1]) for level in self.levels]
        while len(found) < self.num_outs:
            found.append(F.max_pool2d(found[-1], 1, stride=2))
        return tuple(found)


def _level(doublings: int, inputs: int, outputs: int) -> nn.Sequential:
    """doublings: how often the map becomes twice as large; below 0, half as large."""
    layers = [nn.MaxPool2d(2) for _ in range(-doublings)]
    for i in range(doublings):
        if i:
            layers += [ChannelNorm(inputs, EPS), nn.GELU(approximate="none")]
        layers.append(nn.ConvTranspose2d(inputs, inputs // 2, 2, stride=2))
        inputs //= 2
    layers += [nn.Conv2d(inputs, outputs, 1, bias=False), ChannelNorm(outputs, EPS)]
    layers += [nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), ChannelNorm(outputs, EPS)]
    return nn.Sequential(*layers)
