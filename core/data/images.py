"""Pixels: decoding, cropping, resizing, normalising. Arrays are [H, W, 3] uint8 RGB until they are normalised."""

import io
import math
import re
from typing import Literal

import cv2
import numpy as np
import simplejpeg
from PIL import Image, ImageOps, UnidentifiedImageError

from tandemclip.core.data.orientation import PNG, upright

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
# How files begin; AVIF from the fifth byte on. Of some kinds the decoder takes zeros for a picture.
JPEG, PIXELS = b"\xff\xd8\xff", 1 << 30  # at most so many, as OpenCV takes of other kinds
GIF, AVIF = b"GIF8", (b"ftypavif", b"ftypavis")
TIFF = (b"II*\0", b"MM\0*")
ZERO_FREE = (b"RIFF", b"\0\0\0\x0cjP  ")  # WebP, JPEG 2000: compressed to the end
PAM, PFM = b"P7", (b"PF\n", b"Pf\n")
# PGM and PPM up to their highest sample, which is white. P2 and P3 are written as text.
_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_WHITE = re.compile(rb"P([2356])" + (_GAP + rb"\d+") * 2 + _GAP + rb"(\d{1,5})\s")
# What a PAM may say of its samples. Grey or the colours are the first of each pixel.
_PAM_TYPES = re.compile(rb"(?:(?:BLACKANDWHITE|GRAYSCALE|RGB)(?:_ALPHA)?)?")


class Undecodable(Exception):
    """These bytes are no whole picture. Its words are the same for all such files up to a colon."""


def decode(data: bytes) -> np.ndarray:
    """An encoded file -> [H, W, 3] uint8 RGB.

    Grey, CMYK and 16-bit files become 8-bit RGB, transparency is dropped, the orientation in EXIF is applied in every
    format that has EXIF, and of an animation there is the first picture. Raises Undecodable for anything else, also for
    a file that was cut short, and for one of a compressed kind whose end is zeros, as a download leaves it that was
    not finished. A hole in the middle of a JPEG, and any damage to a format without a checksum (BMP, PPM, most TIFFs),
    may decode without a warning.
    """
    if not data:
        raise Undecodable("the image file is empty")
    avif = data[4:12] in AVIF
    if (avif or data.startswith(ZERO_FREE)) and not any(data[-max(64, len(data) // 16) :]):
        raise Undecodable("no whole image: the end of the file is zeros")
    if avif or data.startswith(GIF) or (data.startswith(TIFF) and _has_alpha(data)):
        return _by_pillow(data)
    if data.startswith(PAM):
        return _pam(data)
    if data.startswith(PFM):
        raise Undecodable("a PFM holds floats, and nobody says which of them is white")
    if data.startswith(JPEG):
        return np.ascontiguousarray(upright(_strictly(data), data))
    white = _white(data)
    flags = cv2.IMREAD_ANYDEPTH if white else cv2.IMREAD_IGNORE_ORIENTATION if data.startswith(PNG) else 0
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | flags)
    except cv2.error as error:  # e.g. more pixels than OpenCV accepts
        raise Undecodable(f"OpenCV cannot decode the image: {error.err}") from error
    if pixels is None:
        raise Undecodable(f"no whole image of a kind that OpenCV knows (PNG, WebP, BMP, TIFF ...): {len(data)} bytes")
    pixels = _eight_bits(pixels, white) if white else upright(pixels, data)
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def _white(data: bytes) -> int:
    """The highest sample of a PGM or PPM where OpenCV takes another one for it, else 0."""
    found = _WHITE.match(data)
    if found is None or int(found[2]) in (255, 65535) or found[1] in b"23" and int(found[2]) < 256:
        return 0
    return int(found[2])


def _eight_bits(samples: np.ndarray, white: int) -> np.ndarray:
    """Of deep ones the high byte."""
    samples = np.minimum(samples, white).astype(np.uint32)
    return (samples * 256 // (white + 1) if white > 255 else samples * 255 // white).astype(np.uint8)


def _pam(data: bytes) -> np.ndarray:
    """OpenCV takes red for blue in those of others, and Pillow knows none."""
    head, _, body = data.partition(b"\nENDHDR\n")
    try:
        lines = [line.split(maxsplit=1) for line in head.splitlines()[1:] if line.strip() and line[:1] != b"#"]
        says = {name: value.strip() for name, value in lines}
        width, height, depth, white = (int(says[name]) for name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL"))
        if min(width, height) < 1 or width * height > PIXELS or depth not in range(1, 5) or not 0 < white < 65536:
            raise ValueError
        samples = np.frombuffer(body, ">u2" if white > 255 else np.uint8, height * width * depth)
    except (KeyError, ValueError) as error:
        raise Undecodable("no whole image: the header of a PAM is damaged, or what follows it is cut short") from error
    if not _PAM_TYPES.fullmatch(says.get(b"TUPLTYPE", b"")):
        raise Undecodable(f"a PAM of neither grey nor RGB: TUPLTYPE {says[b'TUPLTYPE'].decode(errors='replace')}")
    order = [0, 0, 0] if depth < 3 else [0, 1, 2] if says.get(b"TUPLTYPE") else [2, 1, 0]  # OpenCV writes BGR, unnamed
    return _eight_bits(samples.reshape(height, width, depth).take(order, 2), white)


def _strictly(data: bytes) -> np.ndarray:
    """A JPEG by a decoder whose warnings are errors: OpenCV's fill what is missing with grey, and name no file."""
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
        if height * width > PIXELS:
            raise Undecodable(f"the image has too many pixels: {width} x {height}")
        return simplejpeg.decode_jpeg(data)
    except ValueError as error:
        raise Undecodable(f"no whole image: {error}") from error


def _has_alpha(data: bytes) -> bool:
    """False where Pillow cannot tell."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.mode == "RGBA"
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False


def _by_pillow(data: bytes) -> np.ndarray:
    """What OpenCV's packages do not have, GIF and AVIF, and TIFF with alpha, by which OpenCV darkens the colours."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return np.array(ImageOps.exif_transpose(image).convert("RGB"))
    except UnidentifiedImageError as error:  # its own words name an object in memory
        raise Undecodable("no whole image: its header is damaged or cut short") from error
    except (OSError, EOFError, RuntimeError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Undecodable(f"no whole image: {error}") from error  # of an AVIF that is cut short, SyntaxError too


def random_crop(pixels: np.ndarray, area: tuple[float, float], ratio: tuple[float, float], rng) -> np.ndarray:
    """A rectangle whose share of the area is uniform in `area` and whose width / height is log-uniform in `ratio`.

    Ten tries at a rectangle that fits, then the largest centred one with an allowed ratio (Inception's rule, as in
    torchvision's RandomResizedCrop). Returns a view of `pixels`.
    """
    height, width = pixels.shape[:2]
    shares = rng.uniform(area[0], area[1], 10)
    ratios = np.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1]), 10))
    corners = rng.random(2)  # always drawn, so that what follows does not depend on how many tries it took
    for share, shape in zip(shares * height * width, ratios):
        w, h = round(math.sqrt(share * shape)), round(math.sqrt(share / shape))
        if 0 < w <= width and 0 < h <= height:
            top, left = int(corners[0] * (height - h + 1)), int(corners[1] * (width - w + 1))
            return pixels[top : top + h, left : left + w]
    shape = min(max(width / height, ratio[0]), ratio[1])
    w, h = min(width, round(height * shape)), min(height, round(width / shape))
    return centre_crop(pixels, max(h, 1), max(w, 1))


def centre_crop(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle [height, width, 3] of pixels at least as large; half a pixel rounds to even, as in torchvision."""
    top, left = round((pixels.shape[0] - height) / 2), round((pixels.shape[1] - width) / 2)
    return pixels[top : top + height, left : left + width]


def resize_antialiased(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The training rule: OpenCV's area average where both sides shrink, its bicubic otherwise. [H, W, 3] -> uint8."""
    if pixels.shape[:2] == (height, width):
        return pixels
    shrinks = height <= pixels.shape[0] and width <= pixels.shape[1]
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def resize_pillow_bicubic(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pillow's bicubic, antialiased when it shrinks: what released CLIP weights were evaluated with, pixel-equal."""
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))


Resize = Literal["antialiased", "pillow_bicubic"]
RESIZE = {"antialiased": resize_antialiased, "pillow_bicubic": resize_pillow_bicubic}


def short_side(shape: tuple[int, ...], size: int) -> tuple[int, int]:
    """(height, width) after the short side becomes `size`; the long side is rounded down, as torchvision's Resize."""
    height, width = shape[:2]
    return (size, size * width // height) if height <= width else (size * height // width, size)


def normalise(pixels: np.ndarray, mean: tuple[float, ...], std: tuple[float, ...]) -> np.ndarray:
    """[H, W, 3] uint8 -> [3, H, W] float32, (x / 255 - mean) / std by channel, in that order of rounding."""
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32)
    planes /= np.float32(255)
    planes -= np.asarray(mean, np.float32)[:, None, None]
    planes /= np.asarray(std, np.float32)[:, None, None]
    return planes
