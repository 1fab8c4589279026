"""RandAugment (Cubuk et al. 2020) and random erasing (Zhong et al. 2020) as in Swin's recipe (Liu et al. 2021, A2.1).

The magnitudes are timm's for "rand-m9-mstd0.5-inc1": every kind grows with the magnitude, and half of the draws do
nothing.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

TEN = 10.0  # the largest magnitude
MAGNITUDE, DEVIATION, LAYERS, CHANCE = 9.0, 0.5, 2, 0.5
ERASED, SHAPE, TRIES = (0.02, 1 / 3), (0.3, 1 / 0.3), 10


def enhance(kind, image, share, sign, _):
    return kind(image).enhance(max(0.1, 1 + 0.9 * share * sign))


def shear(rows):
    """Along x, or along y."""
    matrix = (lambda f: (1, 0, 0, f, 1, 0)) if rows else (lambda f: (1, f, 0, 0, 1, 0))
    return lambda image, share, sign, fill: moved(image, matrix(0.3 * share * sign), fill)


def shift(rows):
    def along(image, share, sign, fill):
        pixels = 0.45 * share * sign * image.size[rows]
        return moved(image, (1, 0, 0, 0, 1, pixels) if rows else (1, 0, pixels, 0, 1, 0), fill)

    return along


def moved(image, matrix, fill):
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=fill)


def solarize_add(image, share, *_):
    return image.point([min(255, i + int(110 * share)) if i < 128 else i for i in range(256)] * 3)


# (image, share of the largest magnitude, a sign, the colour of what comes from outside) -> image
KINDS: dict[str, Callable] = {
    "autocontrast": lambda image, *_: ImageOps.autocontrast(image),
    "equalize": lambda image, *_: ImageOps.equalize(image),
    "invert": lambda image, *_: ImageOps.invert(image),
    "rotate": lambda image, share, sign, fill: image.rotate(
        30 * share * sign, Image.Resampling.BILINEAR, fillcolor=fill
    ),
    "posterize": lambda image, share, *_: image.point([i & (256 - 2 ** (4 + int(4 * share))) for i in range(256)] * 3),
    "solarize": lambda image, share, *_: ImageOps.solarize(image, 256 - int(256 * share)),
    "solarize_add": solarize_add,
    "color": lambda *given: enhance(ImageEnhance.Color, *given),
    "contrast": lambda *given: enhance(ImageEnhance.Contrast, *given),
    "brightness": lambda *given: enhance(ImageEnhance.Brightness, *given),
    "sharpness": lambda *given: enhance(ImageEnhance.Sharpness, *given),
    "shear_x": shear(rows=False),
    "shear_y": shear(rows=True),
    "shift_x": shift(rows=False),
    "shift_y": shift(rows=True),
}


def rand_augment(pixels: np.ndarray, fill: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    """[H, W, 3] uint8 -> the same: two kinds in turn, drawn with repetition, each of them with a chance of one half."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    for name in rng.choice(list(KINDS), LAYERS):
        does, magnitude, sign = rng.random() < CHANCE, rng.normal(MAGNITUDE, DEVIATION), rng.choice((-1, 1))
        if does:
            image = KINDS[name](image, float(np.clip(magnitude, 0, TEN)) / TEN, int(sign), fill)
    return np.asarray(image)


def erase(planes: np.ndarray, chance: float, rng: np.random.Generator) -> np.ndarray:
    """[3, H, W] float32, normalised -> the same with, at this chance, a rectangle of standard normal noise.

    Its share of the area is uniform in 0.02 to 1/3, its height / width log-uniform in 0.3 to 3.3; of ten tries the
    first that fits.
    """
    _, height, width = planes.shape
    if rng.random() >= chance:
        return planes
    shares, shapes = rng.uniform(*ERASED, TRIES), np.exp(rng.uniform(*np.log(SHAPE), TRIES))
    corners = rng.random(2)
    for area, shape in zip(shares * height * width, shapes):
        h, w = round((area * shape) ** 0.5), round((area / shape) ** 0.5)
        if h < height and w < width:
            top, left = int(corners[0] * (height - h + 1)), int(corners[1] * (width - w + 1))
            planes[:, top : top + h, left : left + w] = rng.standard_normal((3, h, w), np.float32)
            break
    return planes
