"""The colour changes of MoCo v2 (Chen et al. 2020, section 3, after SimCLR), as DeCLIP's and SLIP's released code has
them."""

import math
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from annotated_types import Ge, Le
from PIL import Image, ImageEnhance

from tandemclip.core.bounds import Positives, Share

WIDTHS = 4  # the blur's window reaches this many sigmas to each side


@dataclass(frozen=True)
class MoCoV2:
    """Jitter, then grey, then blur, each by its own draw. The defaults are MoCo v2's; it also flips and keeps 0.2 to 1
    of the area, which are fields of the crop.

    brightness, contrast, saturation: the factor is uniform in 1 - value to 1 + value. hue: the shift is uniform in
    -value to value, as a share of the circle. The four come in random order. jitter, grey, blur: the chance of each.
    sigma: of the blur, in pixels of the resized picture. A value or a chance of 0 leaves its step out, and the other
    draws stay what they were.
    """

    brightness: Share = 0.4
    contrast: Share = 0.4
    saturation: Share = 0.4
    hue: Annotated[float, Ge(0), Le(0.5)] = 0.1
    jitter: Share = 0.8
    grey: Share = 0.2
    blur: Share = 0.5
    sigma: Positives = (0.1, 2.0)

    def __call__(self, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """[H, W, 3] uint8 -> the same. All is drawn, whether it is used or not."""
        chances, order, draws, sigma = (
            rng.random(3),
            rng.permutation(4),
            rng.uniform(-1, 1, 4),
            rng.uniform(*self.sigma),
        )
        strengths = (self.brightness, self.contrast, self.saturation, self.hue)
        for kind in order if chances[0] < self.jitter else ():
            adjust, unchanged = ADJUST[kind]
            if strengths[kind]:
                pixels = adjust(pixels, unchanged + strengths[kind] * draws[kind])
        if chances[1] < self.grey:
            pixels = grey(pixels)
        return gaussian_blur(pixels, sigma) if chances[2] < self.blur else pixels


def adjust_brightness(pixels: np.ndarray, factor: float) -> np.ndarray:
    """[H, W, 3] uint8 -> the same; factor 0 is black. This and the next three: torchvision's on Pillow's images."""
    return np.asarray(ImageEnhance.Brightness(Image.fromarray(pixels)).enhance(factor))


def adjust_contrast(pixels: np.ndarray, factor: float) -> np.ndarray:
    """[H, W, 3] uint8 -> the same; factor 0 is the mean grey of the picture."""
    return np.asarray(ImageEnhance.Contrast(Image.fromarray(pixels)).enhance(factor))


def adjust_saturation(pixels: np.ndarray, factor: float) -> np.ndarray:
    """[H, W, 3] uint8 -> the same; factor 0 is each pixel's grey."""
    return np.asarray(ImageEnhance.Color(Image.fromarray(pixels)).enhance(factor))


def adjust_hue(pixels: np.ndarray, shift: float) -> np.ndarray:
    """[H, W, 3] uint8 -> the same; shift: share of the circle of colours, in steps of 1 / 255, towards 0."""
    hue, saturation, value = Image.fromarray(pixels).convert("HSV").split()
    hue = hue.point([(old + int(255 * shift)) % 256 for old in range(256)])
    return np.asarray(Image.merge("HSV", (hue, saturation, value)).convert("RGB"))


# (function of pixels and an amount, the amount that changes nothing)
ADJUST = ((adjust_brightness, 1), (adjust_contrast, 1), (adjust_saturation, 1), (adjust_hue, 0))


def grey(pixels: np.ndarray) -> np.ndarray:
    """[H, W, 3] uint8 -> the same, three equal channels: 0.299 R + 0.587 G + 0.114 B."""
    return np.repeat(np.asarray(Image.fromarray(pixels).convert("L"))[..., None], 3, 2)


def gaussian_blur(pixels: np.ndarray, sigma: float) -> np.ndarray:
    """[H, W, 3] uint8 -> the same, mirrored at the edge. sigma in pixels.

    A true Gaussian, as torchvision's. MoCo v2 calls Pillow's, which stands for it by three averages over boxes.
    """
    side = 2 * math.ceil(WIDTHS * sigma) + 1
    return cv2.GaussianBlur(pixels, (side, side), sigma, borderType=cv2.BORDER_REFLECT_101)
