"""How much of a picture stays when it is mixed with another one: MixUp (Zhang et al.

2018), CutMix (Yun et al. 2019).
"""

from dataclasses import dataclass

import numpy as np

from tandemclip.core.data.views.view import View


@dataclass(frozen=True)
class MixView(View):
    """-> "": [1, resolution, resolution] float32, the share of the sample's own picture at each pixel, the rest is
    another's.

    mixup, cutmix: the parameter of each Beta distribution, 0 for none; with both, each has half of the samples (as timm
    and Swin's recipe switch). MixUp: one share everywhere. CutMix: 0 in a rectangle of the picture's proportions whose
    centre is anywhere, and which is cut off at the edge.
    """

    resolution: int
    mixup: float
    cutmix: float

    def arrays(self):
        return {"": ((1, self.resolution, self.resolution), np.dtype(np.float32))}

    def __call__(self, record, rng, tokenizer):
        cuts = self.cutmix > 0 and (not self.mixup or rng.random() < 0.5)
        parameter = self.cutmix if cuts else self.mixup
        share = rng.beta(parameter, parameter)
        if not cuts:
            return {"": np.full((1, self.resolution, self.resolution), share, np.float32)}
        half, centre = self.resolution * (1 - share) ** 0.5 / 2, rng.random(2) * self.resolution
        ends = np.clip(np.stack((centre - half, centre + half)), 0, self.resolution).round().astype(int)
        own = np.ones((1, self.resolution, self.resolution), np.float32)
        own[:, ends[0, 0] : ends[1, 0], ends[0, 1] : ends[1, 1]] = 0
        return {"": own}
