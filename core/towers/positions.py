"""Learnt positions of a grid of places, at another resolution.

As open_clip's `resize_pos_embed`: torch's `interpolate(mode="bicubic", antialias=True, align_corners=False)` over the
grid, while the tokens in front of it (a class or mean token) stay. In numpy, as MindSpore's bicubic differs by 8%.
"""

from math import isqrt

import numpy as np

from tandemclip.core.layers.attention_pool import AttentionPool
from tandemclip.core.spec import Spec
from tandemclip.core.towers.interpolation import interpolation
from tandemclip.core.towers.vit import VisionTransformer

FRONT = 1  # tokens in front of the grid, in both kinds of part below


def position_grids(spec: Spec, prefix: str = "") -> set[str]:
    """The dotted names of parameters [1 + side^2, width] that stand for one token and a grid of places."""
    has = isinstance(spec, (VisionTransformer, AttentionPool)) and "positions" in spec.parameters()
    own = {f"{prefix}positions"} if has else set()
    return own.union(*(position_grids(child, f"{prefix}{name}.") for name, child in spec.nodes.items()))


def is_grid(rows: int) -> bool:
    return rows > FRONT and isqrt(rows - FRONT) ** 2 == rows - FRONT


def resized(positions: np.ndarray, rows: int) -> np.ndarray:  # [1 + s^2, width] -> [rows, width], rows = 1 + t^2
    """The dtype of `positions`; computed in float64."""
    front, grid = positions[:FRONT], positions[FRONT:].astype(np.float64)
    old, new = isqrt(len(grid)), isqrt(rows - FRONT)
    weights = interpolation(old, new)
    grid = np.einsum("io,jp,opd->ijd", weights, weights, grid.reshape(old, old, -1))
    return np.concatenate([front, grid.reshape(new * new, -1).astype(positions.dtype)])
