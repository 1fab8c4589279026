"""How a configuration describes a random crop; the resolution is the tower's."""

from dataclasses import dataclass

from tandemclip.core.data import images
from tandemclip.core.data.views.image import ImageView
from tandemclip.core.data.views.moco import MoCoV2


@dataclass(frozen=True)
class Crop:
    """area: share of the picture that is kept (PyramidCLIP: global 0.9 to 1.0, local 0.5 to 1.0). flip: half the time.

    resize: how it becomes as small as the tower wants it, in training and at evaluation; released CLIP weights were
    trained and evaluated with Pillow's bicubic.
    crop_pct: evaluation takes the middle out of a picture this much larger, as timm calls it (0.875: 224 of 256
    pixels). rand_augment: two random changes of colour or place; erase: the chance that a part becomes noise
    (`augment`). moco_v2: MoCo v2's jitter, grey and blur; `{}` in a configuration is all of its values (`moco`).
    """

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

    def __post_init__(self):
        if not 0 < self.crop_pct <= 1:
            raise ValueError(f"crop_pct is {self.crop_pct}; it is a share, above 0 and at most 1")

    def view(self, resolution: int) -> ImageView:
        return ImageView(resolution, **vars(self))
