"""SLIP (Mu et al. 2022, "SLIP: Self-supervision meets Language-Image Pre-training"): CLIP beside SimCLR.

    L = L_CLIP + c L_SSL                                                                           (algorithm 1)

L_CLIP: InfoNCE of a base view of the picture and its caption. L_SSL: NT-Xent (SimCLR, Chen et al. 2020, eq. 1) of two
more views, each through the same image tower and a head; all views of the batch are negatives but the own pair.

Two releases are meant by the fields: facebookresearch/SLIP, whose values are the defaults, and DeCLIP's copy of it.
docs/methods.md sets them side by side.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tandemclip.core.bounds import Count, Positive, Positives
from tandemclip.core.data.views.crop import Crop
from tandemclip.core.data.views.moco import MoCoV2
from tandemclip.core.data.views.text import TextView
from tandemclip.core.layers.head import Head, Statistics
from tandemclip.core.methods.features import Features
from tandemclip.core.methods.method import TwoTowers, unit
from tandemclip.core.objectives.infonce import infonce
from tandemclip.core.objectives.supcon import supcon
from tandemclip.core.towers.tower import ImageTower, TextTower

VIEWS = ("one", "other")


@dataclass(frozen=True)
class SimCLR:
    """L_SSL, the part that sees pictures alone.

    weight: c, what it is multiplied by. temperature: what similarities are divided by; it is not learned. hidden:
    width of the head's two inner layers. width: of what it gives. statistics: of the head's BatchNorms, over the whole
    "batch", or over the samples of each "rank" as where they are not synchronised; on one rank these are equal.
    """

    weight: Positive = 1.0
    temperature: Positive = 0.1
    hidden: Count = 4096
    width: Count = 256
    statistics: Statistics = "batch"


@dataclass(frozen=True)
class SLIP(TwoTowers):
    """CLIP on a base view of each picture, SimCLR on two augmented ones.

    crop: of the base view, which the caption is held against. augmented: of the two other views. simclr: the part that
    sees these two. columns: "learn": the gradient of a logit goes to its row and to its column, as in CLIP. "constant":
    to its row alone, as in facebookresearch's release on several ranks, which gathers without gradient. scale_bounds:
    the least and the largest value of exp(logit_scale), which is held between them after every update (DeCLIP's copy:
    e^3 and e^6).

    The head reads what the image tower gives in front of its projection, and stays behind when the model is used.
    """

    image: ImageTower
    text: TextTower
    crop: Crop = Crop(area=(0.5, 1.0))
    augmented: Crop = Crop(area=(0.08, 1.0), flip=True, moco_v2=MoCoV2())
    temperature: Positive = 0.07
    simclr: SimCLR = SimCLR()
    columns: Literal["learn", "constant"] = "learn"
    scale_bounds: Positives = (1.0, 100.0)

    guessing = ("clip",)

    def children(self):
        sizes = self.simclr.hidden, self.simclr.hidden, self.simclr.width
        return super().children() | {"auxiliary.head": Head(self.image.feature_dim, sizes)}

    def views(self):
        augmented = self.augmented.view(self.image.resolution)
        return {
            "image": self.crop.view(self.image.resolution),
            **{f"image_{name}": augmented for name in VIEWS},
            "text": TextView("caption", self.text.context_length),
        }

    def encode(self, ops, p, batch):
        shared = {"u": unit(ops, p.image(batch["image"])), "v": unit(ops, p.text(batch["text"]))}
        return Features(shared | {name: p.image.features(batch[f"image_{name}"]) for name in VIEWS})

    def loss(self, ops, p, features, elapsed):
        shared, scale = features.shared, p["logit_scale"]
        clip = self._clip(ops, shared["u"], shared["v"], ops.exp(scale), features.rows)
        simclr = self._simclr(ops, p, [shared[name] for name in VIEWS], features)
        loss = clip + simclr * self.simclr.weight
        return {"clip": clip, "simclr": simclr, "loss": loss, "logit_scale": features.part(scale)}

    def _clip(self, ops, u, v, scale, rows):
        if self.columns == "learn":
            return infonce(ops, u, v, scale, rows=rows)
        images = infonce(ops, u, ops.stop_gradient(v), scale, rows=rows, directions=("i2t",))
        texts = infonce(ops, ops.stop_gradient(u), v, scale, rows=rows, directions=("t2i",))
        return (images + texts) / 2

    def _simclr(self, ops, p, views, features):  # two of [N, feature_dim] -> scalar
        """The head sees one view of everybody at a time, so that its statistics are those of the whole batch."""
        head, groups = p.child("auxiliary.head"), features.groups(self.simclr.statistics)
        z = [unit(ops, head(view, groups=groups)) for view in views]
        each = ops.constant(np.arange(features.count, dtype=np.int32)[:, None])  # with a label each, SupCon is NT-Xent
        return supcon(ops, z, each, 1 / self.simclr.temperature, rows=features.rows)
