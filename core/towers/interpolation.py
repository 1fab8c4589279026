"""Bicubic interpolation as a linear map: a matrix for each axis.

As torch's `interpolate(mode="bicubic", antialias=True, align_corners=False)`. In numpy, as MindSpore's differs by 8%.
"""

import numpy as np

A = -0.5  # Keys' cubic (1981); torch has it with antialias, and -0.75 without


def resampled(ops, rows, side, size):
    """What is learnt for a square of places [side^2, C], for places of another size (h, w) -> [h w, C]."""
    (height, width), channels = size, rows.shape[1]
    down, across = (ops.constant(interpolation(side, count)) for count in size)
    x = ops.matmul(down, ops.reshape(rows, (side, side * channels)))
    x = ops.transpose(ops.reshape(x, (height, side, channels)), (1, 0, 2))
    x = ops.matmul(across, ops.reshape(x, (side, height * channels)))
    x = ops.transpose(ops.reshape(x, (width, height, channels)), (1, 0, 2))
    return ops.reshape(x, (height * width, channels))


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
