"""What people hand to a model: lists of texts and of pictures, each of the kind that it is taken for."""

from collections.abc import Iterable, Mapping, Set
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from tandemclip.core.data.records import BrokenRecord, Record
from tandemclip.core.data.texts import kind, unicode
from tandemclip.core.errors import UserError

PICTURES = "a path, encoded bytes, a PIL image, or an array [H, W, 3] (or [H, W], [H, W, 1], [H, W, 4]) of uint8"
DEEP = ("I", "F")  # modes of PIL, and those that begin with "I;": more than 8 bits, of which nobody says what is white


def texts_of(texts: Iterable[str]) -> list[str]:
    """The texts, with question marks for halves of surrogate pairs. UserError for what is no list of texts."""
    listed = _listed(texts, "text")
    for place, text in enumerate(listed):
        if not isinstance(text, str):
            raise UserError(f"texts[{place}] is {kind(text)}, {_short(text)}; expected a text")
    return [unicode(text) for text in listed]


def records_of(pictures: Iterable) -> list[Record]:
    """A record for each picture, of a kind that PICTURES names; grey ones get three channels, transparency is dropped.

    UserError, which says what came, for anything else. BrokenRecord for a PIL image whose file cannot be decoded.
    """
    if isinstance(pictures, Image.Image) or isinstance(pictures, np.ndarray) and pictures.ndim not in (1, 4):
        raise UserError(f"got one image, {_described(pictures)}; expected a list of them: write [image]")
    return [_record(picture, f"images[{place}]") for place, picture in enumerate(_listed(pictures, "image"))]


def features_of(rows, what: str) -> np.ndarray:
    """Features as the model gives them, [N, ...] floats. UserError for one row alone, and for anything else."""
    features = _numbers(rows)
    if features is None:
        raise UserError(
            f"{what} are {_described(rows)}; expected what encode_{what} gives, an array [N, ...] of floats"
        )
    if features.ndim < 2:
        raise UserError(
            f"{what} have the shape {list(features.shape)}; expected a row for each, [N, ...]: write x[None]"
        )
    return features if isinstance(rows, np.ndarray) and features.dtype.kind == "f" else features.astype(np.float32)


def ids_of(rows, length: int, count: int) -> np.ndarray:
    """[N, length] int32, each of `count` ids. UserError for anything else."""
    ids = _numbers(rows)
    if ids is None or ids.ndim != 2 or not len(ids) or ids.shape[1] != length or ids.dtype.kind == "f":
        came = _described(rows if ids is None else ids)
        raise UserError(f"ids are {came}; expected what reading.ids gives, an array [N, {length}] of int32")
    if ids.min() < 0 or ids.max() >= count:
        raise UserError(f"ids are from {ids.min()} to {ids.max()}; expected what reading.ids gives, 0 to {count - 1}")
    return ids.astype(np.int32)


def _numbers(rows) -> np.ndarray | None:
    """None for what is no array of real numbers, and for one of which some are masked."""
    try:
        array = np.asarray(rows)
    except (TypeError, ValueError, RuntimeError):  # RuntimeError: a tensor of torch that keeps its gradient
        return None
    return array if array.dtype.kind in "iuf" and not isinstance(rows, np.ma.MaskedArray) else None


def _short(value) -> str:
    """At most 40 letters, on one line."""
    return " ".join(f"{value!r:.80}".split())[:40]


def _listed(items, what: str) -> list:
    """Of one text or path alone Python would take every letter for one, of a mapping the keys."""
    if isinstance(items, (str, bytes, bytearray, memoryview, Path)):
        raise UserError(f"got one {what}, {_short(items)}; expected a list of them: write [{what}]")
    if isinstance(items, (Mapping, Set)) or not isinstance(items, Iterable):
        raise UserError(f"got {kind(items)}, {_short(items)}; expected a list of {what}s")
    if isinstance(items, np.ndarray) and not items.ndim:
        raise UserError(f"got an array without an axis, {_short(items)}; expected a list of {what}s")
    listed = list(items)
    if not listed:
        raise UserError(f"got an empty list of {what}s; expected one or more")
    return listed


def _record(picture, key: str) -> Record:
    if isinstance(picture, (str, Path)):
        try:
            return Record(str(picture), Path(picture).read_bytes())
        except (OSError, ValueError) as error:  # ValueError: a name with a NUL
            why = error.strerror if isinstance(error, OSError) else error
            raise UserError(f"the image {picture} cannot be read: {why}; check the path") from error
    if isinstance(picture, (bytes, bytearray, memoryview)):
        return Record(key, bytes(picture))
    if isinstance(picture, Image.Image):
        return Record(key, _of_pil(picture, key))
    if isinstance(picture, np.ndarray) and not isinstance(picture, np.ma.MaskedArray):
        return Record(key, _rgb(np.asarray(picture), key))
    raise UserError(f"{key} is {_described(picture)}; expected {PICTURES}")


def _of_pil(picture: Image.Image, key: str) -> np.ndarray:
    """[H, W, 3] uint8, upright: as the file that it was opened from would be decoded."""
    if picture.mode in DEEP or picture.mode.startswith("I;"):
        raise UserError(
            f"{key} is {_described(picture)}, which has more than 8 bits; scale it yourself, and give an image of mode "
            "RGB or L"
        )
    if not all(picture.size):
        raise UserError(f"{key} is {_described(picture)} and size {picture.size}; expected one with pixels")
    try:
        return np.array(ImageOps.exif_transpose(picture).convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise BrokenRecord(key, f"the PIL image cannot be decoded: {error}") from error


def _rgb(picture: np.ndarray, key: str) -> np.ndarray:
    """[H, W], [H, W, 1], [H, W, 3] or [H, W, 4] uint8 -> [H, W, 3] uint8."""
    if picture.dtype != np.uint8:
        scale = {"f": "times 255, rounded", "b": "times 255"}.get(picture.dtype.kind, "scaled to 0..255")
        raise UserError(
            f"{key} is {_described(picture)}; expected uint8 from 0 to 255: give it {scale}, .astype(numpy.uint8)"
        )
    grey = picture[..., None] if picture.ndim == 2 else picture
    if grey.ndim != 3 or grey.shape[2] not in (1, 3, 4) or not grey.size:
        planes = "; these look like planes: .transpose(1, 2, 0)" if grey.ndim == 3 and len(grey) in (1, 3, 4) else ""
        raise UserError(f"{key} is {_described(picture)}; expected [H, W, 3]{planes}")
    return np.repeat(grey, 3, 2) if grey.shape[2] == 1 else grey[..., :3]


def _described(picture) -> str:
    if isinstance(picture, np.ndarray):
        masked = "a masked" if isinstance(picture, np.ma.MaskedArray) else "an"
        return f"{masked} array {list(picture.shape)} of {picture.dtype}"
    if isinstance(picture, Image.Image):
        return f"a PIL image of mode {picture.mode}"
    return f"{kind(picture)}, {_short(picture)}"
