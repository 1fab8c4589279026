"""UniCL (Yang et al. 2022): one contrastive objective over images, texts and labels."""

from dataclasses import dataclass
from math import exp

from tandemclip.core.data.crop import Crop
from tandemclip.core.data.views import DrawsView, TextView
from tandemclip.core.methods.method import Features, TwoTowers, unit
from tandemclip.core.objectives.infonce import BOTH, infonce
from tandemclip.core.towers.tower import ImageTower, TextTower


@dataclass(frozen=True)
class UniCL(TwoTowers):
    """Positives of an image are all texts of its label, and the other way round (eqs. 1 to 3).

    A labelled picture keeps its class; one that has a text only gets the text for a label (TargetM of algorithm 1), so that
    equal texts are positives of each other.
    temperature: what similarities are divided by at the start; the paper's tau is 1, the released code's factor exp(1).
    directions: both for the paper's loss, one of them for its ablation (Table 3).
    """

    image: ImageTower
    text: TextTower
    crop: Crop = Crop(area=(0.9, 1.0))
    temperature: float = exp(-1)
    directions: tuple[str, ...] = BOTH

    def views(self):
        views = {
            "image": self.crop.view(self.image.resolution),
            "text": TextView("caption", self.text.context_length, "labels"),
        }
        return views | ({"draws": DrawsView(self.image.draws)} if self.image.draws else {})

    def encode(self, ops, p, batch):
        images = (batch["image"], batch["draws"]) if self.image.draws else (batch["image"],)
        u, v = unit(ops, p.image(*images)), unit(ops, p.text(batch["text"]))
        return Features({"u": u, "v": v, "y": batch["text_label"]})

    def loss(self, ops, p, features, progress):
        u, v, y = (features.shared[name] for name in "uvy")
        scale = p["logit_scale"]
        loss = infonce(ops, u, v, ops.exp(scale), rows=features.rows, labels=y, directions=self.directions)
        return {"loss": loss, "logit_scale": features.part(scale)}
