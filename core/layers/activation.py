"""The activations a definition may name."""

from typing import Literal

Activation = Literal["quick_gelu", "gelu"]


def activate(ops, kind: Activation, x):
    """CLIP's released weights need "quick_gelu"; "gelu" is the exact one. Same names of parameters, other numbers."""
    return {"quick_gelu": ops.quick_gelu, "gelu": ops.gelu}[kind](x)
