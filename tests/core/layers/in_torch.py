"""Layers written once more, by torch's own modules and functions, with our weights."""

import torch
from torch import nn


def attend(weights, prefix, heads, text, cells):
    """Attention of `text` to `cells`, by torch's module."""
    own = {name.removeprefix(prefix): w for name, w in weights.items() if name.startswith(prefix)}
    theirs = nn.MultiheadAttention(text.shape[2], heads, batch_first=True, dtype=torch.float64)
    join = lambda end: torch.cat((own[f"query.{end}"], own[f"key_value.{end}"]))
    state = {"in_proj_weight": join("weight"), "in_proj_bias": join("bias")}
    state |= {f"out_proj.{end}": own[f"output.{end}"] for end in ("weight", "bias")}
    return torch.func.functional_call(theirs, state, (text, cells, cells), {"need_weights": False})[0]


def fuse(weights, prefix, heads, text, image, batch_norm):
    """Eq. 15 of one stage, by torch's functions."""
    cells = nn.functional.conv2d(image, weights[f"{prefix}convolution.weight"])
    if batch_norm:
        scale, shift = weights[f"{prefix}norm.weight"], weights[f"{prefix}norm.bias"]
        cells = nn.functional.batch_norm(cells, None, None, scale, shift, True, 0.1, 1e-5)
    return text + attend(weights, f"{prefix}attention.", heads, text, cells.flatten(2).mT)
