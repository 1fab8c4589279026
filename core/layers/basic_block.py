"""The residual block of the shallow ResNets (He et al. 2016, Fig. 5 left)."""

from dataclasses import dataclass

from tandemclip.core.layers.convolution import by_outputs
from tandemclip.core.layers.norm import BatchNorm
from tandemclip.core.spec import Spec


@dataclass(frozen=True)
class BasicBlock(Spec):
    """Two 3 x 3 with a residual, as torchvision's: a stride is taken by the first of them and by the shortcut."""

    inputs: int
    width: int
    stride: int = 1

    def children(self):
        own = {
            "first": by_outputs(self.inputs, self.width, 3, self.stride),
            "first_norm": BatchNorm(self.width),
            "second": by_outputs(self.width, self.width, 3),
            "second_norm": BatchNorm(self.width),
        }
        if self.stride > 1 or self.inputs != self.width:
            shortcut = by_outputs(self.inputs, self.width, 1, self.stride)
            own |= {"shortcut": shortcut, "shortcut_norm": BatchNorm(self.width)}
        return own

    def forward(self, ops, p, x):  # [B, inputs, H, W] -> [B, width, H / stride, W / stride]
        y = ops.relu(p.first_norm(p.first(x)))
        y = p.second_norm(p.second(y))
        if "shortcut" in self.nodes:
            x = p.shortcut_norm(p.shortcut(x))
        return ops.relu(x + y)
