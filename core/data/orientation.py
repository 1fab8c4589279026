"""The orientation that EXIF gives a picture, where the decoder does not apply it."""

import io

import numpy as np
from PIL import Image

PNG = b"\x89PNG"
RAW, APP1 = "Raw profile type exif", "Raw profile type APP1"  # as ImageMagick writes it into a PNG
# How files begin, and what is in those that may have an orientation. No other kind of RIFF than WebP can be decoded.
SIGNS = {
    b"\xff\xd8\xff": (b"Exif\0\0",),
    b"RIFF": (b"EXIF",),
    PNG: (b"eXIf", RAW.encode(), APP1.encode()),
}
ORIENTATION = 0x0112  # the tag of EXIF
# By it: how pixels [H, W, 3] are turned so that the picture stands upright (EXIF 2.3, 4.6.4 A).
UPRIGHT = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.transpose(1, 0, 2),
    6: lambda pixels: pixels.transpose(1, 0, 2)[:, ::-1],
    7: lambda pixels: pixels.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda pixels: pixels.transpose(1, 0, 2)[::-1],
}


def upright(pixels: np.ndarray, data: bytes) -> np.ndarray:
    """[H, W, 3] of the file `data` -> [H, W, 3], upright.

    pixels: as they are stored, but a TIFF's as OpenCV gives them, which turns those by their EXIF.
    """
    signs = next((signs for start, signs in SIGNS.items() if data.startswith(start)), ())
    if any(sign in data for sign in signs):
        return np.ascontiguousarray(UPRIGHT.get(_orientation(data), lambda same: same)(pixels))
    return pixels


def _orientation(data: bytes) -> int:
    """1, which is upright, where EXIF says nothing, or cannot be read."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            if APP1 in image.info:  # Pillow knows the other name alone
                image.info.setdefault(RAW, image.info[APP1])
            return image.getexif().get(ORIENTATION, 1)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return 1
