"""The heads that self-supervised methods put behind an image tower (SimCLR, Chen et al. 2020; SimSiam, Chen and He
2021).
"""

from dataclasses import dataclass
from typing import Literal

from tandemclip.core.layers.linear import Linear
from tandemclip.core.layers.norm import BatchNorm
from tandemclip.core.spec import Spec

Statistics = Literal["batch", "rank"]  # over whose samples the BatchNorms take them


@dataclass(frozen=True)
class Head(Spec):
    """Linear maps, with a BatchNorm and a ReLU between every two of them.

    widths: what each map gives. last_norm: a BatchNorm behind the last map, without a ReLU (SimSiam's projector).
    """

    inputs: int
    widths: tuple[int, ...]
    last_norm: bool = False

    @property
    def norms(self) -> int:
        return len(self.widths) if self.last_norm else len(self.widths) - 1

    def children(self):
        inputs = (self.inputs, *self.widths)
        linears = {f"linears.{i}": Linear(inputs[i], width) for i, width in enumerate(self.widths)}
        return linears | {f"norms.{i}": BatchNorm(self.widths[i]) for i in range(self.norms)}

    def forward(self, ops, p, x, groups=1):  # [N, inputs] -> [N, widths[-1]]
        """groups: the rows are normalised in so many equal parts, each by its own statistics."""
        for i in range(len(self.widths)):
            x = p.child(f"linears.{i}")(x)
            x = self.normed(ops, p.child(f"norms.{i}"), x, groups) if i < self.norms else x
            x = ops.relu(x) if i + 1 < len(self.widths) else x
        return x

    def normed(self, ops, norm, x, groups):  # the running statistics see the groups one after another
        if groups == 1:
            return norm(x)
        rows = x.shape[0] // groups
        return ops.concat([norm(x[i * rows : (i + 1) * rows]) for i in range(groups)], 0)
