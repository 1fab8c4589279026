"""Views: what a method asks of the data, each one a function of a record, in arrays of fixed shapes.

A method declares {name: View}; a batch is a flat dict {name + suffix: array [B, ...]}, e.g. "image_global",
"text_summary", "rois", "rois_mask". A new view is a new class in any module; nothing else knows the ones here.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

import numpy as np

from tandemclip.core.data import augment, images
from tandemclip.core.data.records import BrokenRecord, Record
from tandemclip.core.errors import UserError

OBJECTS = 10  # the most confident objects of a picture, as PyramidCLIP takes them (section 3.2)


class View(ABC):
    """One piece of a sample. Subclasses are frozen dataclasses: they are pickled and sent to worker processes."""

    @abstractmethod
    def arrays(self) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
        """{suffix: (shape of one sample, dtype)}; the suffix is "" for the array that bears the view's own name."""

    @abstractmethod
    def __call__(self, record: Record, rng: np.random.Generator, tokenizer) -> dict[str, np.ndarray]:
        """{suffix: array}. Randomness comes from `rng`. Raises BrokenRecord where the record lacks what is needed."""


def batch_arrays(views: dict[str, View], batch_size: int) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """{name: (shape, dtype)} of a whole batch."""
    return {
        name + suffix: ((batch_size, *shape), np.dtype(dtype))
        for name, view in views.items()
        for suffix, (shape, dtype) in view.arrays().items()
    }


@dataclass(frozen=True)
class ImageView(View):
    """A random crop for training, resized to a square -> "": [3, resolution, resolution] float32, normalised.

    area: share of the picture, e.g. (0.9, 1.0) for a global and (0.5, 1.0) for a local view. ratio: width / height.
    rand_augment, erase: see `augment`. resize, crop_pct: of evaluation too, see CentreView.
    """

    resolution: int
    area: tuple[float, float] = (0.9, 1.0)
    flip: bool = False
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    mean: tuple[float, float, float] = images.CLIP_MEAN
    std: tuple[float, float, float] = images.CLIP_STD
    rand_augment: bool = False
    erase: float = 0.0
    resize: images.Resize = "antialiased"
    crop_pct: float = 1.0

    def arrays(self):
        return {"": ((3, self.resolution, self.resolution), np.dtype(np.float32))}

    def __call__(self, record, rng, tokenizer):
        crop = images.random_crop(record.pixels, self.area, self.ratio, rng)
        pixels = images.RESIZE[self.resize](crop, self.resolution, self.resolution)
        if self.flip and rng.random() < 0.5:
            pixels = pixels[:, ::-1]
        if self.rand_augment:
            pixels = augment.rand_augment(pixels, tuple(round(255 * value) for value in self.mean), rng)
        planes = images.normalise(pixels, self.mean, self.std)
        return {"": augment.erase(planes, self.erase, rng) if self.erase else planes}


@dataclass(frozen=True)
class CentreView(View):
    """The evaluation picture: short side to `resolution` / crop_pct, its middle -> "": [3, resolution, resolution] float32.

    resize: as in training. "pillow_bicubic" is what released CLIP weights expect, pixel-equal; "antialiased" is OpenCV's and faster.
    """

    resolution: int
    resize: images.Resize = "antialiased"
    mean: tuple[float, float, float] = images.CLIP_MEAN
    std: tuple[float, float, float] = images.CLIP_STD
    crop_pct: float = 1.0

    def arrays(self):
        return {"": ((3, self.resolution, self.resolution), np.dtype(np.float32))}

    def __call__(self, record, rng, tokenizer):
        height, width = images.short_side(record.pixels.shape, int(self.resolution / self.crop_pct))
        pixels = images.RESIZE[self.resize](record.pixels, height, width)
        pixels = images.centre_crop(pixels, self.resolution, self.resolution)
        return {"": images.normalise(pixels, self.mean, self.std)}


Targets = Literal["pairs", "texts", "labels"]
LABEL = "_label"


@dataclass(frozen=True)
class TextView(View):
    """One text of the record as token ids -> "": [context_length] int32; "_label": [2] int32, unless targets is "pairs".

    field: "caption": one of its captions at random. "summary": falls back to a caption where there is none. "objects":
    the phrases of its objects, the most confident first, at most ten, joined by ", "; empty where there is none.
    targets: what is a positive of what. "pairs": each picture has its own text only, as in CLIP. "texts": equal token ids are
    one label. "labels": so is an equal class, which comes before the text (UniCL's TargetM).
    """

    field: Literal["caption", "summary", "objects"]
    context_length: int = 77
    targets: Targets = "pairs"

    def arrays(self):
        label = {} if self.targets == "pairs" else {LABEL: ((2,), np.dtype(np.int32))}
        return {"": ((self.context_length,), np.dtype(np.int32))} | label

    def __call__(self, record, rng, tokenizer):
        ids = tokenizer([self._text(record, rng)], self.context_length)[0]
        if self.targets == "pairs":
            return {"": ids}
        labelled = self.targets == "labels" and record.label is not None
        return {"": ids, LABEL: hashed(class_of(record) if labelled else ids.tobytes())}

    def _text(self, record, rng) -> str:
        if self.field == "objects":
            return ", ".join(thing.phrase for thing in record.strongest_objects(OBJECTS))
        if self.field == "summary" and record.summary:
            return record.summary
        if not record.captions:
            raise BrokenRecord(record.key, "it has no caption" + (", and its class no name" if record.label is not None else ""))
        return record.captions[int(rng.integers(len(record.captions)))]


@dataclass(frozen=True)
class RoiView(View):
    """The features of the `count` most confident regions and where they are.

    "": [count, dim + 4] float32, feature and x1, y1, x2, y2 in 0..1; "_mask": [count] float32, 1 for a region, 0 for
    the zeros that fill up. Objects without a feature are no regions.
    """

    dim: int
    count: int = OBJECTS

    def arrays(self):
        return {
            "": ((self.count, self.dim + 4), np.dtype(np.float32)),
            "_mask": ((self.count,), np.dtype(np.float32)),
        }

    def __call__(self, record, rng, tokenizer):
        rois, mask = (np.zeros(shape, dtype) for shape, dtype in self.arrays().values())
        regions = [thing for thing in record.strongest_objects(len(record.objects)) if thing.feature is not None]
        for row, region in enumerate(regions[: self.count]):
            if region.feature.shape != (self.dim,):
                raise UserError(
                    f"{record.key}: a region's feature has shape {list(region.feature.shape)}, but the method expects "
                    f"[{self.dim}]; set the method's ROI dimension to that of the data"
                )
            rois[row, : self.dim] = region.feature
            rois[row, self.dim :] = region.box
            mask[row] = 1
        return {"": rois, "_mask": mask}


@dataclass(frozen=True)
class LabelView(View):
    """A true class -> "": [] int32, -1 where there is none. attribute: one of record.attributes; None: record.label.

    classes: how many there are; UserError for a number beyond them.
    """

    attribute: str | None = None
    classes: int | None = None

    def arrays(self):
        return {"": ((), np.dtype(np.int32))}

    def __call__(self, record, rng, tokenizer):
        label = record.label if self.attribute is None else record.attributes.get(self.attribute)
        if label is not None and self.classes is not None and label >= self.classes:
            raise UserError(
                f"{record.key} has class {label}, and the method has {self.classes}, counted from 0; give it as many as the data has"
            )
        return {"": np.asarray(-1 if label is None else label, np.int32)}


@dataclass(frozen=True)
class ClassView(View):
    """The class of a record, which is equal to that of another one of the same source and label only -> "": [2] int32.

    A record without one is broken.
    """

    def arrays(self):
        return {"": ((2,), np.dtype(np.int32))}

    def __call__(self, record, rng, tokenizer):
        if record.label is None:
            raise BrokenRecord(record.key, "it has no class")
        return {"": hashed(class_of(record))}


def class_of(record: Record) -> bytes:
    return f"{record.classes} {record.label}".encode()


def hashed(content: bytes) -> np.ndarray:
    """63 bits as [2] int32, the same in every process: engines have no wider integers that they compare alike."""
    return np.array(divmod(hash63(content), 2**32), np.uint32).view(np.int32)


def hash63(content: bytes) -> int:
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little") >> 1


@dataclass(frozen=True)
class DrawsView(View):
    """What a tower draws in training -> "": [count] float32, uniform in 0..1. The sample's own, whoever loads it."""

    count: int

    def arrays(self):
        return {"": ((self.count,), np.dtype(np.float32))}

    def __call__(self, record, rng, tokenizer):
        return {"": rng.random(self.count, np.float32)}
