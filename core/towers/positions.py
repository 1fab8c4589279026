"""Learnt positions of a grid of places, at another resolution.

As open_clip's `resize_pos_embed`: torch's `interpolate(mode="bicubic", antialias=True, align_corners=False)` over the
grid, while the tokens in front of it (a class or mean token) stay. In numpy, as MindSpore's bicubic differs by 8%.
"""

from math import isqrt

import numpy as np

from tandemclip.core.layers.attention_pool import AttentionPool
from tandemclip.core.spec import Spec
from tandemclip.core.towers.vit import VisionTransformer

FRONT = 1  # tokens in front of the grid, in both kinds of part below
A = -0.5  # Keys' cubic (1981); torch has it with antialias, and -0.75 without


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


def interpolation(old: int, new: int) -> np.ndarray:
    """[new, old] float64: what each new place takes of each old one; rows add up to 1.

    Place i of n lies at (i + 1/2) / n. Where there are fewer new places, the cubic is as much wider.
    """
    scale = old / new
    distance = np.arange(old) + 0.5 - (np.arange(new)[:, None] + 0.5) * scale
    weights = cubic(distance / max(scale, 1.0))
    return weights / weights.sum(1, keepdims=True)


def cubic(x: np.ndarray) -> np.ndarray:
    """Keys 1981, eq. 4 with the parameter A: 1 at 0, 0 at the other integers and beyond 2."""
    x = np.abs(x)
    near = ((A + 2) * x - (A + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * A
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))
