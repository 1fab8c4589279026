"""Pictures as a tower takes them: a random crop for training, the middle for evaluation."""

from dataclasses import dataclass

import numpy as np

from tandemclip.core.data import images
from tandemclip.core.data.views import augment
from tandemclip.core.data.views.moco import MoCoV2
from tandemclip.core.data.views.view import View


@dataclass(frozen=True)
class ImageView(View):
    """A random crop for training, resized to a square -> "": [3, resolution, resolution] float32, normalised.

    area: share of the picture, e.g. (0.9, 1.0) for a global and (0.5, 1.0) for a local view. ratio: width / height.
    rand_augment, erase: see `augment`. moco_v2: see `moco`; None: none of it. resize, crop_pct: of evaluation too, see
    CentreView.
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
    moco_v2: MoCoV2 | None = None

    def arrays(self):
        return {"": ((3, self.resolution, self.resolution), np.dtype(np.float32))}

    def __call__(self, record, rng, tokenizer):
        crop = images.random_crop(record.pixels, self.area, self.ratio, rng)
        pixels = images.RESIZE[self.resize](crop, self.resolution, self.resolution)
        if self.flip and rng.random() < 0.5:
            pixels = pixels[:, ::-1]
        if self.moco_v2:
            pixels = self.moco_v2(pixels, rng)
        if self.rand_augment:
            pixels = augment.rand_augment(pixels, tuple(round(255 * value) for value in self.mean), rng)
        planes = images.normalise(pixels, self.mean, self.std)
        return {"": augment.erase(planes, self.erase, rng) if self.erase else planes}


@dataclass(frozen=True)
class CentreView(View):
    """The evaluation picture: short side to `resolution` / crop_pct, its middle -> "": [3, resolution, resolution]
    float32.

    resize: as in training. "pillow_bicubic" is what released CLIP weights expect, pixel-equal; "antialiased" is
    OpenCV's and faster.
    """

    resolution: int
    resize: images.Resize = "antialiased"
    mean: tuple[float, float, float] = images.CLIP_MEAN
    std: tuple[float, float, float] = images.CLIP_STD
    crop_pct: float = 1.0

    def arrays(self):
        return {"": ((3, self.resolution, self.resolution), np.dtype(np.float32))}

    def __call__(self, record, rng, tokenizer):
        return {"": images.normalise(self.cut(record.pixels), self.mean, self.std)}

    def cut(self, pixels: np.ndarray) -> np.ndarray:  # [H, W, 3] uint8 -> [resolution, resolution, 3] uint8
        resized = images.RESIZE[self.resize](pixels, *self._resized(pixels))
        return images.centre_crop(resized, self.resolution, self.resolution)

    def box(self, pixels: np.ndarray, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """x1, y1, x2, y2 in 0..1 of a picture [H, W, 3] -> in 0..1 of what `cut` gives of it; what was cut off lies
        outside of 0..1.
        """
        height, width = self._resized(pixels)
        top, left = (round((side - self.resolution) / 2) for side in (height, width))
        edges = zip(box, (width, height) * 2, (left, top) * 2)
        return tuple((edge * side - start) / self.resolution for edge, side, start in edges)

    def _resized(self, pixels):
        return images.short_side(pixels.shape, int(self.resolution / self.crop_pct))
