"""What a data set for detection says of a picture: its things in pixels, and what was passed over on the way."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tandemclip.core.data.masks import to_counts
from tandemclip.core.data.records import BrokenRecord, Object, Record

ANYTHING = "object"  # the category of things of which only a phrase is known
DIGITS = 6  # after the point of a coordinate: brings whole pixels back from shares of the picture


@dataclass(frozen=True, eq=False)
class Thing:
    """box: x1, y1, x2, y2 in pixels from 0 to the picture's width and height, x1 < x2 and y1 < y2. counts: the run
    lengths of its mask, or None. area: of the mask where there is one, else of the box.
    """

    box: tuple[float, float, float, float]
    category: str
    attributes: tuple[str, ...]
    marks: frozenset[str]
    counts: np.ndarray | None
    area: float


@dataclass(frozen=True, eq=False)
class Picture:
    """number: from 1 on, over all splits. source: the key of the record that it was made of."""

    number: int
    source: str
    height: int
    width: int
    things: tuple[Thing, ...]

    @property
    def name(self) -> str:
        return f"{self.number:06d}"


@dataclass
class PassedOver:
    """{reason: what was passed over for it, by name}"""

    names: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, name: str) -> None:
        self.names.setdefault(reason, []).append(name)


def annotated(record: Record, number: int, passed: PassedOver) -> Picture:
    """The record's objects, clipped to its picture. BrokenRecord where a mask is of another picture."""
    height, width = record.pixels.shape[:2]
    for thing in record.objects:
        if thing.mask is not None and thing.mask.shape != (height, width):
            size = " x ".join(map(str, thing.mask.shape))
            raise BrokenRecord(record.key, f"a mask is of a picture {size}, and this one is {height} x {width}")
    return Picture(number, record.key, height, width, tuple(_things(record, height, width, passed)))


def _things(record: Record, height: int, width: int, passed: PassedOver) -> Iterator[Thing]:
    named: set[tuple] = set()  # boxes of phrases without a category
    for place, thing in enumerate(record.objects):
        box = _clipped(thing.box, height, width)
        reason = _reason(thing, box, named)
        if reason:
            passed.add(reason, f"{record.key}: object {place}, {thing.phrase!r}, box {list(thing.box)}")
            continue
        if thing.category is None:
            named.add(thing.box)
        yield _thing(thing, box)


def _reason(thing: Object, box: tuple, named: set[tuple]) -> str:
    """Why it is passed over; "" where it is not."""
    if "several" in thing.marks:
        return "several things in one box"
    if thing.category is None and thing.box in named:
        return "another phrase for the same box"
    if not (box[0] < box[2] and box[1] < box[3]):
        return "a box without area in its picture"
    if thing.mask is not None and not thing.mask.any():
        return "a mask without a pixel"
    return ""


def _clipped(box: tuple[float, float, float, float], height: int, width: int) -> tuple[float, float, float, float]:
    """In pixels."""
    edges = np.clip(np.array(box), 0, 1) * (width, height, width, height)
    return tuple(np.round(edges, DIGITS).tolist())


def _thing(thing: Object, box: tuple[float, float, float, float]) -> Thing:
    x1, y1, x2, y2 = box
    return Thing(
        box=box,
        category=ANYTHING if thing.category is None else thing.category,
        attributes=thing.attributes,
        marks=thing.marks,
        counts=None if thing.mask is None else np.array(to_counts(thing.mask), np.int32),
        area=(x2 - x1) * (y2 - y1) if thing.mask is None else int(thing.mask.sum()),
    )
