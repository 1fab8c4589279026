"""CLIP (Radford et al. 2021, 2.3 and Fig. 3): one view, one caption, symmetric InfoNCE."""

from dataclasses import dataclass

from tandemclip.core.data.crop import Crop
from tandemclip.core.data.views import TextView
from tandemclip.core.methods.method import Features, TwoTowers, unit
from tandemclip.core.objectives.infonce import infonce
from tandemclip.core.towers.tower import ImageTower, TextTower


@dataclass(frozen=True)
class CLIP(TwoTowers):
    """alpha: label smoothing of the targets (0: CLIP's one-hot ones)."""

    image: ImageTower
    text: TextTower
    crop: Crop = Crop(area=(0.9, 1.0))
    temperature: float = 0.07
    alpha: float = 0.0

    def views(self):
        return {
            "image": self.crop.view(self.image.resolution),
            "text": TextView("caption", self.text.context_length),
        }

    def encode(self, ops, p, batch):
        return Features({"u": unit(ops, p.image(batch["image"])), "v": unit(ops, p.text(batch["text"]))})

    def loss(self, ops, p, features, progress):
        u, v = features.shared["u"], features.shared["v"]
        scale = p["logit_scale"]
        loss = infonce(ops, u, v, ops.exp(scale), self.alpha, rows=features.rows)
        return {"loss": loss, "logit_scale": features.part(scale)}
