"""How a configuration describes a random crop; the resolution is the tower's."""

from dataclasses import dataclass

from tandemclip.core.bounds import Positive, Positives, PositiveShare, Share, Shares
from tandemclip.core.data import images
from tandemclip.core.data.views.image import ImageView
from tandemclip.core.data.views.moco import MoCoV2


@dataclass(frozen=True)
class Crop:
    """What is cut out of a picture, and how it is changed.

    area: share of the picture that is kept, least and most (PyramidCLIP: global 0.9 to 1.0, local 0.5 to 1.0). flip:
    left and right change places half the time. ratio: width / height of what is kept, least and most. mean, std: of the
    colours, which pictures in 0 to 1 are normalised by; CLIP's. resize: how it becomes as small as the tower wants it,
    in training and at evaluation; released CLIP weights were trained and evaluated with Pillow's bicubic. crop_pct:
    evaluation takes the middle out of a picture this much larger, as timm calls it (0.875: 224 of 256 pixels).
    rand_augment: two random changes of colour or place; erase: the chance that a part becomes noise (`augment`).
    moco_v2: MoCo v2's jitter, grey and blur; `{}` in a configuration is all of its values (`moco`).
    """

    area: Shares = (0.9, 1.0)
    flip: bool = False
    ratio: Positives = (3 / 4, 4 / 3)
    mean: tuple[Share, Share, Share] = images.CLIP_MEAN
    std: tuple[Positive, Positive, Positive] = images.CLIP_STD
    rand_augment: bool = False
    erase: Share = 0.0
    resize: images.Resize = "antialiased"
    crop_pct: PositiveShare = 1.0
    moco_v2: MoCoV2 | None = None

    def view(self, resolution: int) -> ImageView:
        return ImageView(resolution, **vars(self))
