"""Linear maps."""

from dataclasses import dataclass

from tandemclip.core.spec import Constant, Normal, Parameter, Spec, Uniform


@dataclass(frozen=True)
class Linear(Spec):
    """y = x W' + b. Initialised as torch's nn.Linear (uniform within 1 / sqrt(inputs)) unless told otherwise."""

    inputs: int
    outputs: int
    bias: bool = True
    weight_initial: Normal | Uniform | None = None
    bias_initial: Constant | Uniform | None = None

    def parameters(self):
        default = Uniform(self.inputs**-0.5)
        own = {"weight": Parameter((self.outputs, self.inputs), self.weight_initial or default)}
        if self.bias:
            own["bias"] = Parameter((self.outputs,), self.bias_initial or default)
        return own

    def forward(self, ops, p, x):  # [..., inputs] -> [..., outputs]
        return ops.linear(x, p["weight"], p["bias"] if self.bias else None)
