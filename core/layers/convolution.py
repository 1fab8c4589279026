"""Convolutions."""

from dataclasses import dataclass

from tandemclip.core.spec import Normal, Parameter, Spec, Uniform


@dataclass(frozen=True)
class Convolution(Spec):
    """A square kernel without bias, zero padding that keeps the size at stride 1.

    A norm follows, or a linear map that has a bias. Initialised as torch's nn.Conv2d, uniform within 1 / sqrt(inputs /
    groups x kernel^2), unless told otherwise.
    """

    inputs: int
    outputs: int
    kernel: int
    stride: int = 1
    groups: int = 1
    initial: Normal | Uniform | None = None

    def parameters(self):
        shape = (self.outputs, self.inputs // self.groups, self.kernel, self.kernel)
        return {"weight": Parameter(shape, self.initial or Uniform((shape[1] * self.kernel**2) ** -0.5))}

    def forward(self, ops, p, x):  # [B, inputs, H, W] -> [B, outputs, H / stride, W / stride]
        return ops.conv2d(x, p["weight"], self.stride, self.kernel // 2, self.groups)


def by_outputs(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> Convolution:
    """Initialised by its outputs (He et al. 2015, as torchvision's networks, whatever the groups)."""
    return Convolution(inputs, outputs, kernel, stride, groups, Normal((2 / (outputs * kernel**2)) ** 0.5))
