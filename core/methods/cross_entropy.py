"""Cross-entropy on classes, what UniCL is measured against (Yang et al. 2022, eq. 4)."""

from dataclasses import dataclass

import numpy as np

from tandemclip.core.data.crop import Crop
from tandemclip.core.data.views import DrawsView, LabelView
from tandemclip.core.methods.method import Features, Method
from tandemclip.core.spec import Constant, Parameter
from tandemclip.core.towers.tower import ImageTower

ONE = np.ones((), np.float32)


@dataclass(frozen=True)
class CrossEntropy(Method):
    """A picture of class y: -log softmax(W v + b)_y; pictures without a class count for nothing.

    image: its projection is W, so that embed_dim is the number of classes. smoothing: of the target, this much is shared by all
    classes.
    """

    image: ImageTower
    crop: Crop = Crop(area=(0.9, 1.0))
    smoothing: float = 0.0

    @property
    def classes(self) -> int:
        return self.image.embed_dim

    def children(self):
        return {"image": self.image}

    def parameters(self):
        return {"bias": Parameter((self.classes,), Constant(0.0))}

    def views(self):
        views = {"image": self.crop.view(self.image.resolution), "label": LabelView(classes=self.classes)}
        return views | ({"draws": DrawsView(self.image.draws)} if self.image.draws else {})

    def encode(self, ops, p, batch):
        draws = (batch["draws"],) if self.image.draws else ()
        scores = ops.log_softmax(ops.widen(p.image(batch["image"], *draws) + p["bias"]), 1)
        label = ops.reshape(batch["label"], (*batch["label"].shape, 1))
        right = ops.cast(ops.equal(label, ops.constant(np.arange(self.classes, dtype=np.int32)[None])), "float")
        known = ops.sum(right, 1)
        target = right * (1 - self.smoothing) + ops.reshape(known, label.shape) * (self.smoothing / self.classes)
        return Features({"label": batch["label"]}, {"cross_entropy": (-ops.sum(scores * target, (0, 1)), ops.sum(known, 0))})

    def loss(self, ops, p, features, progress):
        total, count = features.own["cross_entropy"]
        return {"loss": features.part(total / ops.maximum(count, ops.constant(ONE)))}

    def classify(self, ops, p, images):  # [B, 3, H, W] -> [B, classes]
        return p.image(images) + p["bias"]
