"""Cross-entropy on classes, what UniCL is measured against (Yang et al. 2022, eq. 4)."""

from dataclasses import dataclass

from tandemclip.core.bounds import BelowOne, NotNegative
from tandemclip.core.data.views.crop import Crop
from tandemclip.core.data.views.label import LabelView
from tandemclip.core.data.views.mix import MixView
from tandemclip.core.methods.features import Features
from tandemclip.core.methods.method import ImagesOnly
from tandemclip.core.methods.mixing import mixed, neighbours
from tandemclip.core.objectives.cross_entropy import cross_entropy, mean
from tandemclip.core.spec import Constant, Parameter
from tandemclip.core.towers.tower import ImageTower


@dataclass(frozen=True)
class CrossEntropy(ImagesOnly):
    """A picture of class y: -log softmax(W v + b)_y; pictures without a class count for nothing.

    image: the tower that encodes pictures; its projection is W, so that embed_dim is the number of classes. smoothing:
    of the target, this much is shared by all classes. mixup, cutmix: parameters of their Beta distributions, 0 for
    neither, as in UniCL.
    """

    image: ImageTower
    crop: Crop = Crop(area=(0.9, 1.0))
    smoothing: BelowOne = 0.0
    mixup: NotNegative = 0.0
    cutmix: NotNegative = 0.0

    of_classes = ("image.projection.*", "image.pool.output.*", "bias")

    @property
    def classes(self) -> int:
        return self.image.embed_dim

    def children(self):
        return {"image": self.image}

    def parameters(self):
        return {"bias": Parameter((self.classes,), Constant(0.0))}

    def views(self):
        views = {"image": self.crop.view(self.image.resolution), "label": LabelView(classes=self.classes)}
        mix = {"mix": MixView(self.image.resolution, self.mixup, self.cutmix)} if self.mixup or self.cutmix else {}
        return views | mix

    def encode(self, ops, p, batch):
        images, label, others = batch["image"], batch["label"], None
        if "mix" in batch:
            images, share = mixed(ops, images, batch["mix"])
            others = neighbours(ops, label), share
        logits = ops.widen(p.image(images) + p["bias"])
        return Features(
            {"label": label},
            {"cross_entropy": cross_entropy(ops, logits, label, smoothing=self.smoothing, mixed=others)},
        )

    def loss(self, ops, p, features, elapsed):
        return {"loss": features.part(mean(ops, *features.own["cross_entropy"]))}

    def classify(self, ops, p, images):  # [B, 3, H, W] -> [B, classes]
        return p.image(images) + p["bias"]
