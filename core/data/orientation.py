"""The orientation that EXIF gives a picture, where OpenCV does not apply it."""

import io

import numpy as np
from PIL import Image

PNG, WEBP = b"\x89PNG", b"RIFF"  # how files begin; no other kind of RIFF can be decoded
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
    """pixels: as OpenCV gives them for the file `data` -> [H, W, 3], upright.

    OpenCV turns JPEG, TIFF and PNG by their EXIF; not WebP, and not a PNG that has it as ImageMagick writes it.
    """
    if data.startswith(WEBP) and b"EXIF" in data or data.startswith(PNG) and b"Raw profile type exif" in data:
        return np.ascontiguousarray(UPRIGHT.get(_orientation(data), lambda same: same)(pixels))
    return pixels


def _orientation(data: bytes) -> int:
    """1, which is upright, where EXIF says nothing, or cannot be read."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            if data.startswith(PNG) and "exif" in image.info:
                return 1  # OpenCV has applied it
            return image.getexif().get(ORIENTATION, 1)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return 1
