"""CLIP (Radford et al. 2021, 2.3 and Fig. 3): one view, one caption, symmetric InfoNCE."""

from dataclasses import dataclass

from tandemclip.core.bounds import BelowOne
from tandemclip.core.data.views.crop import Crop
from tandemclip.core.data.views.text import Targets, TextView
from tandemclip.core.methods.features import Features
from tandemclip.core.methods.method import Temperature, unit
from tandemclip.core.methods.softening import Progressive, SoftTargets
from tandemclip.core.objectives.infonce import infonce
from tandemclip.core.towers.tower import ImageTower, TextTower


@dataclass(frozen=True)
class CLIP(SoftTargets):
    """One crop, one caption, symmetric InfoNCE.

    alpha: label smoothing of the targets (0: CLIP's one-hot ones). targets: what else is a positive: "pairs" for
    nothing, "texts" for equal texts, "labels" for texts of equal label. soften: targets that change with the run
    (LightCLIP 3.2), in place of these two.
    """

    image: ImageTower
    text: TextTower
    crop: Crop = Crop(area=(0.9, 1.0))
    temperature: Temperature = 0.07
    alpha: BelowOne = 0.0
    targets: Targets = "pairs"
    soften: Progressive | None = None

    def views(self):
        return {
            "image": self.crop.view(self.image.resolution),
            "text": TextView("caption", self.text.context_length, self.targets),
        }

    def encode(self, ops, p, batch):
        shared = {"u": unit(ops, p.image(batch["image"])), "v": unit(ops, p.text(batch["text"]))}
        return Features(shared if self.targets == "pairs" else shared | {"y": batch["text_label"]})

    def loss(self, ops, p, features, elapsed):
        u, v, scale = features.shared["u"], features.shared["v"], p["logit_scale"]
        targets = self.kind(ops, elapsed, features.shared.get("y"))
        loss = infonce(ops, u, v, ops.exp(scale), targets=targets, rows=features.rows)
        return {"loss": loss, "logit_scale": features.part(scale)}
