"""What every source hands over: one picture with everything that is known about it."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from tandemclip.core.data import images


class BrokenRecord(Exception):
    """A record that cannot be used. The loader names it, counts it and takes another one in its place.

    why: the reason, in words that are the same for every such record, and behind a colon what is special about this
    one.
    """

    def __init__(self, key: str, why: str):
        super().__init__(key, why)  # both as arguments, so that it survives pickling between processes
        self.key = key
        self.why = why

    def __str__(self) -> str:
        return f"{self.key}: {self.why}"

    @property
    def reason(self) -> str:
        return reason_of(self.why)


def reason_of(why: str) -> str:
    """What an account counts a broken record under."""
    return why.partition(":")[0]


# crowd: a region with many of them, of which none is drawn alone (COCO's iscrowd). difficult, truncated: PASCAL VOC's.
# several: one box around a few things that one phrase names ("two girls").
MARKS = ("crowd", "difficult", "several", "truncated")


OUTSIDE = "a box lies outside of its picture"  # a remark


@dataclass(frozen=True, eq=False)
class Object:
    """One thing in the picture, as a detector or an annotator gives it.

    box: x1, y1, x2, y2 in 0..1 of width and height. phrase: e.g. "red seven". feature: [D] of the region, or None.

    What a data set for detection knows besides. category: its name, e.g. "seven", or None. attributes: their names,
    e.g. ("red",). mask: [H, W] bool of the whole picture, or None. marks: what the annotator says of it, of MARKS.
    """

    box: tuple[float, float, float, float]
    phrase: str
    confidence: float = 1.0
    feature: np.ndarray | None = None
    category: str | None = None
    attributes: tuple[str, ...] = ()
    mask: np.ndarray | None = None
    marks: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Record:
    """One sample. `image` holds the encoded file, or pixels [H, W, 3] uint8 RGB where the source draws them.

    key names it in messages. summary: a shorter text of the same content, or None. label: its class, or None.
    attributes: further true classes by name, e.g. {"digit": 7, "color": 0}. classes: tells equal labels of different
    data sets apart. prompted: its captions are its class's name in templates, and none of its own. remarks: what is odd
    about it, though it is used, in words that are the same for every such record. size: height and width of the picture
    that its objects' boxes were measured in, or None. present: [C] int8, where several classes may be in one picture:
    of each 1 yes, 0 no, -1 not asked; or None.
    """

    key: str
    image: bytes | np.ndarray
    captions: tuple[str, ...] = ()
    summary: str | None = None
    objects: tuple[Object, ...] = ()
    label: int | None = None
    attributes: dict[str, int] = field(default_factory=dict)
    classes: str = ""
    prompted: bool = False
    remarks: tuple[str, ...] = ()
    size: tuple[float, float] | None = None
    present: np.ndarray | None = None

    @cached_property
    def pixels(self) -> np.ndarray:
        """[H, W, 3] uint8 RGB, decoded at the first use only: several views crop from one picture.

        Raises BrokenRecord where it cannot be decoded, and where it is of another shape than `size`.
        """
        if isinstance(self.image, np.ndarray):
            return self.image
        try:
            pixels = images.decode(self.image)
        except images.Undecodable as error:
            raise BrokenRecord(self.key, str(error)) from error
        if self.size is not None and not _one_shape(self.size, pixels.shape[:2]):
            raise BrokenRecord(
                self.key,
                "its annotation is of a picture of another shape: {:g} x {:g}, and this one is {} x {} (height x "
                "width, upright)".format(*self.size, *pixels.shape[:2]),
            )
        return pixels

    def strongest_objects(self, count: int) -> list[Object]:
        """The objects of highest confidence first; equal ones stay in the source's order."""
        return sorted(self.objects, key=lambda thing: -thing.confidence)[:count]


def _one_shape(size: tuple[float, float], other: tuple[int, int]) -> bool:
    """Whether (height, width) of the two are in one ratio, up to a pixel: boxes are shares, so that a picture made
    smaller keeps them, and one that is turned does not."""
    (height, width), (high, wide) = size, other
    return abs(height * wide - width * high) <= max(height, width, high, wide)
