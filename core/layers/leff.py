"""Locally-enhanced feed-forward (PyramidCLIP 3.3 and Fig. 3c, after CeiT), in the order of the released code."""

from dataclasses import dataclass
from math import isqrt

from tandemclip.core.layers.activation import Activation, activate
from tandemclip.core.layers.convolution import Convolution
from tandemclip.core.layers.linear import Linear
from tandemclip.core.layers.norm import BatchNorm
from tandemclip.core.spec import Spec


@dataclass(frozen=True)
class LeFF(Spec):
    """Patch tokens pass a depth-wise 3 x 3 convolution between the two linear maps; the class token goes round it.

    The order is the released code's, which the paper's figure leaves open: BatchNorm and activation after *each* of the
    three maps, the last one included, so that the branch is bounded below. As the class token comes back unchanged, the
    block around it adds its norm to it, not zero.
    """

    width: int
    hidden: int
    activation: Activation = "quick_gelu"

    def children(self):
        return {
            "expand": Linear(self.width, self.hidden),
            "expand_norm": BatchNorm(self.hidden),
            "local": Convolution(self.hidden, self.hidden, kernel=3, groups=self.hidden),
            "local_norm": BatchNorm(self.hidden),
            "shrink": Linear(self.hidden, self.width),
            "shrink_norm": BatchNorm(self.width),
        }

    def forward(self, ops, p, x, grid=None):  # [B, 1 + h w, width], (h, w) or None for a square -> the same
        batch, count, _ = x.shape
        height, width = grid or (isqrt(count - 1),) * 2
        rows = batch * height * width
        act = lambda y: activate(ops, self.activation, y)
        patches = ops.reshape(x[:, 1:], (rows, self.width))
        y = act(p.expand_norm(p.expand(patches)))
        y = ops.transpose(ops.reshape(y, (batch, height, width, self.hidden)), (0, 3, 1, 2))
        y = act(p.local_norm(p.local(y)))
        y = ops.reshape(ops.transpose(y, (0, 2, 3, 1)), (rows, self.hidden))
        y = act(p.shrink_norm(p.shrink(y)))
        return ops.concat((x[:, :1], ops.reshape(y, (batch, height * width, self.width))), 1)
