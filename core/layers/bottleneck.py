"""The residual block of both kinds of ResNet."""

from dataclasses import dataclass

from tandemclip.core.layers.convolution import Convolution
from tandemclip.core.layers.norm import BatchNorm
from tandemclip.core.spec import Spec

EXPANSION = 4


@dataclass(frozen=True)
class Bottleneck(Spec):
    """1 x 1, 3 x 3, 1 x 1 with a residual.

    How a stride is taken, and how weights begin, is what the kinds differ in.
    """

    inputs: int
    width: int
    stride: int = 1

    last_scale = 1.0  # of the norm that ends the branch, at the start

    def convolution(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> Convolution:
        return Convolution(inputs, outputs, kernel, stride)

    def pool(self, ops, x):
        """In front of the last convolution and of the shortcut's."""
        return x

    def children(self):
        outputs = self.width * EXPANSION
        own = {
            "reduce": self.convolution(self.inputs, self.width, 1),
            "reduce_norm": BatchNorm(self.width),
            "spatial": self.convolution(self.width, self.width, 3, self.stride),
            "spatial_norm": BatchNorm(self.width),
            "expand": self.convolution(self.width, outputs, 1),
            "expand_norm": BatchNorm(outputs, scale_initial=self.last_scale),
        }
        if self.stride > 1 or self.inputs != outputs:
            shortcut = self.convolution(self.inputs, outputs, 1, self.stride)
            own |= {"shortcut": shortcut, "shortcut_norm": BatchNorm(outputs)}
        return own

    def forward(self, ops, p, x):  # [B, inputs, H, W] -> [B, 4 width, H / stride, W / stride]
        y = ops.relu(p.reduce_norm(p.reduce(x)))
        y = self.pool(ops, ops.relu(p.spatial_norm(p.spatial(y))))
        y = p.expand_norm(p.expand(y))
        if "shortcut" in self.nodes:
            x = p.shortcut_norm(p.shortcut(self.pool(ops, x)))
        return ops.relu(x + y)
