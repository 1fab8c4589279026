"""Cross-entropy on pictures with a class and CLIP on those with a text, through one image tower (UniCL 4.2.2, second
baseline).
"""

from dataclasses import dataclass

import numpy as np

from tandemclip.core.bounds import Count
from tandemclip.core.data.views.crop import Crop
from tandemclip.core.data.views.label import LabelView
from tandemclip.core.data.views.text import TextView
from tandemclip.core.layers.linear import Linear
from tandemclip.core.methods.features import Features
from tandemclip.core.methods.method import Temperature, TwoTowers, unit
from tandemclip.core.objectives.cross_entropy import cross_entropy, mean
from tandemclip.core.objectives.infonce import infonce
from tandemclip.core.spec import Constant, Normal
from tandemclip.core.towers.tower import ImageTower, TextTower


@dataclass(frozen=True)
class MultiTask(TwoTowers):
    """The sum of both losses.

    labels: the number of classes. The classifier reads what the image tower gives, before it
    is scaled to unit length, and stays behind when the model is used (zero-shot goes by the texts).
    """

    image: ImageTower
    text: TextTower
    labels: Count
    crop: Crop = Crop(area=(0.9, 1.0))
    temperature: Temperature = 0.07

    guessing = ("clip",)
    of_classes = ("auxiliary.classifier.*",)

    def children(self):
        classifier = Linear(self.image.embed_dim, self.labels, True, Normal(0.02), Constant(0.0))
        return super().children() | {"auxiliary.classifier": classifier}

    def views(self):
        return {
            "image": self.crop.view(self.image.resolution),
            "text": TextView("caption", self.text.context_length),
            "label": LabelView(classes=self.labels),
        }

    def paired(self, batch):
        return batch["label"] < 0

    def encode(self, ops, p, batch):
        images, label = p.image(batch["image"]), batch["label"]
        logits = ops.widen(p.child("auxiliary.classifier")(images))
        captioned = ops.cast(ops.less(label, ops.constant(np.zeros((), np.int32))), "float")
        shared = {"u": unit(ops, images), "v": unit(ops, p.text(batch["text"])), "captioned": captioned}
        return Features(shared, {"cross_entropy": cross_entropy(ops, logits, label)})

    def loss(self, ops, p, features, elapsed):
        u, v, captioned = (features.shared[name] for name in ("u", "v", "captioned"))
        scale = p["logit_scale"]
        terms = {
            "cross_entropy": features.part(mean(ops, *features.own["cross_entropy"])),
            "clip": infonce(ops, u, v, ops.exp(scale), present=captioned, rows=features.rows),
        }
        return terms | {"loss": terms["cross_entropy"] + terms["clip"], "logit_scale": features.part(scale)}
