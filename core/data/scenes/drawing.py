"""Draws a planned scene: coloured digits on dim, textured ground."""

from functools import lru_cache

import cv2
import numpy as np

from tandemclip.core.data.scenes.plan import Plan, Square
from tandemclip.core.random import generator

# RGB of scene_plan.COLORS, all far brighter than the ground
PAINT = np.array(
    [(232, 40, 40), (40, 200, 60), (60, 90, 255), (245, 225, 40), (40, 220, 230), (250, 110, 200), (250, 250, 250),
     (250, 140, 20)], np.float32
)  # fmt: skip


def draw(rng, plan: Plan, images: np.ndarray, size: int) -> np.ndarray:
    """images: [M, 8, 8] float32 in 0..1, the handwriting -> [size, size, 3] uint8 RGB"""
    coarse = rng.uniform(20, 115, (5, 5, 1)) + rng.uniform(-18, 18, (5, 5, 3))
    canvas = cv2.resize(coarse.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    canvas += 7 * rng.standard_normal((size, size, 1), np.float32)
    if plan.clutter is not None:
        _draw_clutter(rng, canvas, PAINT[plan.clutter])
    for thing in plan.digits:
        square = region(canvas, thing.square)
        square += ink(images[thing.image], thing.square.side)[:, :, None] * (PAINT[thing.color] - square)
    return np.clip(canvas, 0, 255).astype(np.uint8)


def ink(image: np.ndarray, side: int) -> np.ndarray:
    """image: [8, 8] in 0..1 -> [side, side]: how much of each pixel the paint covers, 0..1"""
    return np.clip(1.3 * cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC), 0, 1)


def mask(image: np.ndarray, square: Square, size: int) -> np.ndarray:
    """[size, size] bool: the pixels of the picture that are covered by half and more."""
    found = np.zeros((size, size), bool)
    region(found, square)[:] = ink(image, square.side) >= 0.5
    return found


def region(pixels: np.ndarray, square: Square) -> np.ndarray:
    """pixels: [H, W] or [H, W, 3] -> the square's part of them, a view."""
    return pixels[square.top : square.top + square.side, square.left : square.left + square.side]


def _draw_clutter(rng, canvas: np.ndarray, color: np.ndarray) -> None:
    """A filled ellipse, darker than any digit, so that one in front of it can still be read."""
    size = len(canvas)
    centre, axes = rng.uniform(0.15, 0.85, 2) * size, rng.uniform(0.3, 0.6, 2) * size
    cv2.ellipse(canvas, (tuple(centre), tuple(axes), rng.uniform(0, 180)), (0.55 * color).tolist(), -1)


def projected_crop(crop: np.ndarray, dim: int) -> np.ndarray:
    """[h, w, 3] uint8 -> [dim] float32: the crop at 8 x 8 pixels, centred, times a fixed Gaussian matrix.

    A stand-in for a detector's feature of the region: what the pixels say, at about unit variance, nothing learned.
    """
    small = cv2.resize(crop, (8, 8), interpolation=cv2.INTER_AREA).ravel().astype(np.float32)
    return ((small / 255 - 0.5) / 0.25) @ _projection(dim)


@lru_cache(maxsize=8)
def _projection(dim: int) -> np.ndarray:
    rows = 8 * 8 * 3
    return (generator("projected_crop", dim).standard_normal((rows, dim)) / np.sqrt(rows)).astype(np.float32)
