"""Masks of things: from COCO's three ways to write one, and to the simplest of them.

COCO counts pixels column by column: the first count is of pixels outside, the next of pixels inside, and so on. The
counts are a list, or are packed in a string. Or there are polygons, which are filled here as COCO's own program
(pycocotools, maskApi.c) fills them, pixel by pixel the same.
"""

import numpy as np

STEPS = 5  # a polygon's edge is walked in fifths of a pixel
FINEST = 1e6  # pixels; a corner farther away is no corner of a picture


def to_counts(mask: np.ndarray) -> list[int]:
    """mask: [H, W] bool -> its run lengths, which add up to H * W"""
    column_by_column = np.ascontiguousarray(mask.T).ravel()
    changes = np.flatnonzero(column_by_column[1:] != column_by_column[:-1]) + 1
    counts = np.diff([0, *changes, column_by_column.size]).tolist()
    return [0, *counts] if column_by_column[0] else counts


def from_segmentation(segmentation: list | dict, height: int, width: int) -> np.ndarray:
    """What COCO's annotation has: {"size": [H, W], "counts": [...] or "..."}, or polygons [[x1, y1, x2, y2 ...], ...]
    in pixels -> [height, width] bool. ValueError, in words, where it is none of a picture of this size.
    """
    if isinstance(segmentation, list):
        return _from_polygons(segmentation, height, width)
    try:
        size, counts = list(segmentation["size"]), segmentation["counts"]
    except (KeyError, TypeError) as error:
        raise ValueError("the mask is neither polygons nor run lengths with size and counts") from error
    if size != [height, width]:
        raise ValueError(f"the mask's size is {size}, and the picture's is [{height}, {width}]")
    return from_counts(_unpacked(counts) if isinstance(counts, str) else counts, height, width)


def from_counts(counts: list[int], height: int, width: int) -> np.ndarray:
    """Run lengths -> [height, width] bool. ValueError where they do not fill the picture exactly."""
    lengths = np.asarray(counts)
    if lengths.ndim != 1 or not lengths.size or lengths.dtype.kind not in "iu" or lengths.min() < 0:
        raise ValueError("the mask's counts are no list of whole numbers from 0 on")
    if lengths.sum() != height * width:
        raise ValueError(f"the mask's counts add up to {lengths.sum()}, and the picture has {height * width} pixels")
    inside = np.arange(len(lengths)) % 2 == 1
    return np.repeat(inside, lengths).reshape(width, height).T


def _unpacked(text: str) -> list[int]:
    """COCO's string: a count is written in characters of 5 bits each, the lowest first, and a sixth bit that says
    whether more follow. From the fourth on it is the difference to the count before the last.
    """
    counts: list[int] = []
    value, shift = 0, 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            raise ValueError(f"the mask's counts hold {character!r}, which is no character of COCO's")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (1 << shift) if bits & 16 else 0
            counts.append(value + counts[-2] if len(counts) > 2 else value)
            value, shift = 0, 0
    if shift:
        raise ValueError("the mask's counts end within a number")
    return counts


def _from_polygons(polygons: list, height: int, width: int) -> np.ndarray:
    """All of them together: a pixel is inside where it is in one of them."""
    mask = np.zeros((height, width), bool)
    for polygon in polygons:
        corners = np.asarray(polygon, np.float64)
        if corners.ndim != 1 or corners.size < 6 or corners.size % 2:
            raise ValueError("a polygon of the mask is no list of three corners or more, x and y of each")
        if not (np.abs(corners) < FINEST).all():
            raise ValueError("a polygon of the mask has a corner that is no place of a picture")
        _fill(mask, corners.reshape(-1, 2))
    return mask


def _fill(mask: np.ndarray, corners: np.ndarray) -> None:
    """corners: [n, 2] x, y. Sets the pixels of mask [H, W] that the polygon encloses, going by their centres.

    Down a column, each crossing of the outline changes between outside and inside: so inside is an odd number of
    crossings, counted column by column, over the columns that the polygon touches.
    """
    height, _ = mask.shape
    column, row = _crossings(_outline(corners), *mask.shape)
    if not column.size:
        return
    first, columns = column.min(), np.ptp(column) + 1
    crossed = np.bincount((column - first) * height + row, minlength=columns * height)[: columns * height]
    mask[:, first : first + columns] |= (np.cumsum(crossed) % 2 == 1).reshape(columns, height).T


def _outline(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points of the closed outline in fifths of a pixel, x [m] and y [m]: one for each step of the longer direction."""
    fine = (STEPS * corners + 0.5).astype(np.int64)  # towards 0, as C does it
    xs, ys = [], []
    for (x, y), (next_x, next_y) in zip(fine, np.roll(fine, -1, axis=0)):
        length = max(abs(next_x - x), abs(next_y - y))
        steps = np.arange(length + 1)
        wide = abs(next_x - x) >= abs(next_y - y)
        if backward := (x > next_x) if wide else (y > next_y):  # both ways give the same points, as they are rounded
            (x, y), (next_x, next_y) = (next_x, next_y), (x, y)
        rise = ((next_y - y) if wide else (next_x - x)) / max(length, 1)
        steps = steps[::-1] if backward else steps
        across = ((y if wide else x) + rise * steps + 0.5).astype(np.int64)
        xs.append(x + steps if wide else across)
        ys.append(across if wide else y + steps)
    return np.concatenate(xs), np.concatenate(ys)


def _crossings(outline: tuple[np.ndarray, np.ndarray], height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the outline passes the middle of a column: (column [k], the first row below [k], at most `height`)."""
    (x, next_x), (y, next_y) = ((points[:-1], points[1:]) for points in outline)
    at = (np.where(next_x < x, next_x, next_x - 1) + 0.5) / STEPS - 0.5
    passes = (next_x != x) & (np.floor(at) == at) & (at >= 0) & (at <= width - 1)
    row = np.ceil(np.clip((np.minimum(y, next_y) + 0.5) / STEPS - 0.5, 0, height))
    return at[passes].astype(np.int64), row[passes].astype(np.int64)
