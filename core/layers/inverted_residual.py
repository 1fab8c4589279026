"""MobileNet-V2's block (Sandler et al. 2018, table 1): narrow, wide, narrow, filtered channel by channel where wide."""

from dataclasses import dataclass

import numpy as np

from tandemclip.core.layers.convolution import by_outputs
from tandemclip.core.layers.norm import BatchNorm
from tandemclip.core.spec import Spec

SIX = np.array(6, np.float32)


def relu6(ops, x):
    return ops.minimum(ops.relu(x), ops.constant(SIX))


@dataclass(frozen=True)
class InvertedResidual(Spec):
    """1 x 1 to `expansion` times the inputs, 3 x 3 of each channel alone, 1 x 1 to the outputs, nothing behind it.

    An expansion of 1 has no first convolution. The input is added where it has the shape of the output.
    """

    inputs: int
    outputs: int
    stride: int
    expansion: int

    def children(self):
        wide = self.inputs * self.expansion
        own = {}
        if self.expansion > 1:
            own = {"expand": by_outputs(self.inputs, wide, 1), "expand_norm": BatchNorm(wide)}
        return own | {
            "spatial": by_outputs(wide, wide, 3, self.stride, groups=wide),
            "spatial_norm": BatchNorm(wide),
            "reduce": by_outputs(wide, self.outputs, 1),
            "reduce_norm": BatchNorm(self.outputs),
        }

    def forward(self, ops, p, x):  # [B, inputs, H, W] -> [B, outputs, H / stride, W / stride]
        y = relu6(ops, p.expand_norm(p.expand(x))) if self.expansion > 1 else x
        y = relu6(ops, p.spatial_norm(p.spatial(y)))
        y = p.reduce_norm(p.reduce(y))
        return x + y if self.stride == 1 and self.inputs == self.outputs else y
