"""CLIP (Radford et al. 2021, 2.3 and Fig. 3): one view, one caption, symmetric InfoNCE."""

from dataclasses import dataclass

from tandemclip.core.data.views.crop import Crop
from tandemclip.core.data.views.text import Targets, TextView
from tandemclip.core.errors import UserError
from tandemclip.core.methods.features import START, Elapsed, Features
from tandemclip.core.methods.method import TwoTowers, unit
from tandemclip.core.methods.softening import Progressive
from tandemclip.core.objectives.infonce import infonce
from tandemclip.core.objectives.targets import EqualLabels, Pairs
from tandemclip.core.towers.tower import ImageTower, TextTower


@dataclass(frozen=True)
class CLIP(TwoTowers):
    """alpha: label smoothing of the targets (0: CLIP's one-hot ones).

    targets: what else is a positive, see TextView. soften: targets that change with the run (LightCLIP 3.2), in place
    of these two.
    """

    image: ImageTower
    text: TextTower
    crop: Crop = Crop(area=(0.9, 1.0))
    temperature: float = 0.07
    alpha: float = 0.0
    targets: Targets = "pairs"
    soften: Progressive | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.soften is not None and (self.alpha or self.targets != "pairs"):
            raise UserError(
                f"method.soften is given with alpha {self.alpha} and targets {self.targets!r}; it softens one-hot "
                "targets by itself: leave alpha at 0 and targets at 'pairs', or leave soften out"
            )

    @property
    def phases(self) -> dict[str, Elapsed]:
        return {"": START} if self.soften is None else self.soften.phases

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
        targets = self._kind(ops, features, elapsed)
        loss = infonce(ops, u, v, ops.exp(scale), targets=targets, rows=features.rows)
        return {"loss": loss, "logit_scale": features.part(scale)}

    def _kind(self, ops, features, elapsed):
        if self.soften is not None:
            return self.soften.at(ops, elapsed)
        return EqualLabels(features.shared["y"], self.alpha) if "y" in features.shared else Pairs(self.alpha)
