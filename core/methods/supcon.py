"""SupCon (Khosla et al. 2020), its first stage (the second is a linear probe): two crops of every picture, all crops of
a class are positives of each other.
"""

from dataclasses import dataclass

from tandemclip.core.bounds import Count, Positive
from tandemclip.core.data.views.crop import Crop
from tandemclip.core.data.views.label import ClassView
from tandemclip.core.layers.linear import Linear
from tandemclip.core.methods.features import Features
from tandemclip.core.methods.method import ImagesOnly, unit
from tandemclip.core.objectives.supcon import supcon
from tandemclip.core.towers.tower import ImageTower

VIEWS = ("one", "other")


@dataclass(frozen=True)
class SupCon(ImagesOnly):
    """Two crops of every picture; all crops of a class are positives of each other. Every record needs a class.

    temperature: what similarities are divided by (section 4: 0.1); it is not learned. width: of what the head gives
    (section 4: 128).

    The head, two layers of which the first is as wide as the features, stays behind; what it learned is in the image
    tower.
    """

    image: ImageTower
    crop: Crop = Crop(area=(0.2, 1.0), flip=True)
    temperature: Positive = 0.1
    width: Count = 128

    def children(self):
        features = self.image.embed_dim
        return {
            "image": self.image,
            "auxiliary.hidden": Linear(features, features),
            "auxiliary.output": Linear(features, self.width),
        }

    def views(self):
        return {f"image_{name}": self.crop.view(self.image.resolution) for name in VIEWS} | {"class": ClassView()}

    def encode(self, ops, p, batch):
        shared = {"y": batch["class"]}
        for name in VIEWS:
            features = p.image(batch[f"image_{name}"])
            x = ops.relu(p.child("auxiliary.hidden")(features))
            shared[name] = unit(ops, p.child("auxiliary.output")(x))
        return Features(shared)

    def loss(self, ops, p, features, elapsed):
        views, y = [features.shared[name] for name in VIEWS], features.shared["y"]
        return {"loss": supcon(ops, views, y, 1 / self.temperature, rows=features.rows)}
