"""From pictures to maps of tokens, and to smaller maps of wider ones."""

from dataclasses import dataclass

from tandemclip.core.layers.linear import Linear
from tandemclip.core.layers.norm import LayerNorm
from tandemclip.core.spec import Normal, Parameter, Spec, Uniform


@dataclass(frozen=True)
class PatchEmbedding(Spec):
    """A convolution whose kernel is its stride, written as the linear map over flattened patches that it is.

    Initialised as torch's nn.Conv2d.
    """

    patch: int
    width: int
    frozen: bool = False
    bias: bool = False

    def parameters(self):
        shape, initial = (self.width, 3, self.patch, self.patch), Uniform((3 * self.patch**2) ** -0.5)
        own = {"weight": Parameter(shape, initial, trainable=not self.frozen)}
        if self.bias:
            own["bias"] = Parameter((self.width,), initial, trainable=not self.frozen)
        return own

    def forward(self, ops, p, images):  # [B, 3, H, W] -> [B, (H / patch)(W / patch), width]
        batch, channels, height, width = images.shape
        size, rows, columns = self.patch, height // self.patch, width // self.patch
        patches = ops.reshape(images, (batch, channels, rows, size, columns, size))
        patches = ops.transpose(patches, (0, 2, 4, 1, 3, 5))
        patches = ops.reshape(patches, (batch, rows * columns, channels * size * size))
        weight = ops.reshape(p["weight"], (self.width, channels * size * size))
        return ops.linear(patches, weight, p["bias"] if self.bias else None)


@dataclass(frozen=True)
class PatchMerging(Spec):
    """Four neighbours become one token of twice the width (Liu et al. 2021, section 3.1).

    Their order is the released one: (even row, even column), (odd, even), (even, odd), (odd, odd).
    """

    width: int
    initial: Normal
    eps: float = 1e-5

    def children(self):
        reduction = Linear(4 * self.width, 2 * self.width, bias=False, weight_initial=self.initial)
        return {"norm": LayerNorm(4 * self.width, self.eps), "reduction": reduction}

    def forward(self, ops, p, x):  # [B, H, W, width] -> [B, H / 2, W / 2, 2 width]
        batch, rows, columns, width = x.shape
        rows, columns = rows // 2, columns // 2
        x = ops.transpose(ops.reshape(x, (batch, rows, 2, columns, 2, width)), (0, 1, 3, 4, 2, 5))
        return p.reduction(p.norm(ops.reshape(x, (batch, rows, columns, 4 * width))))
