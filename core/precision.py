"""Mixed precision, decided in one place for every engine: which functions of the vocabulary compute in a low precision.

Products and convolutions take their arguments in the low type and give it; activations and changes of shape keep what
they get. So does BatchNorm, which computes in float32 within: torch keeps its input for the gradient, and a ResNet
would take three quarters more memory (MindSpore makes a float32 copy, and saves none). Everything else is given
float32: other norms, softmax, exp, reductions, pools, a minimum and so relu6. Low meets float32 in a sum as float32:
the residual stream of a transformer is float32, and a ResNet's is low. Weights, moments and losses are float32 always;
weights are lowered where they are used.
"""

from functools import partial
from typing import Literal

from tandemclip.core.ops import FUNCTIONS

Precision = Literal["fp32", "bf16", "fp16"]

LOW = ("linear", "matmul", "conv2d", "attention")
BATCH_NORMS = ("batch_norm", "batch_norm_inference")
SHAPES = ("reshape", "transpose", "broadcast_to", "take", "pick")
KEEP = ("constant", "cast", "lower", "widen", "stop_gradient", *SHAPES, *BATCH_NORMS, "relu", "gelu", "quick_gelu")


class Mixed:
    """An interpreter of the vocabulary that lowers and widens what it hands to `exact`, the engine's own."""

    def __init__(self, exact, precision: Precision):
        self.exact, self.precision = exact, precision

    def __getattr__(self, name):
        function = getattr(self.exact, name)
        if name not in FUNCTIONS or name in KEEP:
            return function
        change = partial(self.exact.lower, precision=self.precision) if name in LOW else self.exact.widen
        return lambda *args, **kwargs: function(
            *(_each(change, x) for x in args), **{key: _each(change, x) for key, x in kwargs.items()}
        )


def _each(change, argument):
    if isinstance(argument, (tuple, list)):
        return tuple(_each(change, item) for item in argument)
    return change(argument) if hasattr(argument, "shape") else argument


def exact(ops):
    """The engine's own interpreter, which `mixed` may have wrapped."""
    return ops.exact if isinstance(ops, Mixed) else ops


def mixed(ops, precision: Precision):
    """`ops` itself for fp32."""
    return ops if precision == "fp32" else Mixed(ops, precision)
