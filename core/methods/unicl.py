"""UniCL (Yang et al. 2022): one contrastive objective over images, texts and labels."""

from dataclasses import dataclass
from math import exp
from typing import Annotated, Literal

from annotated_types import MinLen

from tandemclip.core.bounds import BelowOne, NotNegative
from tandemclip.core.data.views.crop import Crop
from tandemclip.core.data.views.mix import MixView
from tandemclip.core.data.views.text import TextView
from tandemclip.core.methods.features import Features
from tandemclip.core.methods.method import Temperature, TwoTowers, unit
from tandemclip.core.methods.mixing import mixed, neighbours
from tandemclip.core.objectives.infonce import infonce
from tandemclip.core.objectives.targets import BOTH, EqualLabels, MixedLabels
from tandemclip.core.towers.tower import ImageTower, TextTower


@dataclass(frozen=True)
class UniCL(TwoTowers):
    """Positives of an image are all texts of its label, and the other way round (eqs. 1 to 3).

    A labelled picture keeps its class; one that has a text only gets the text for a label (TargetM of algorithm 1), so
    that equal texts are positives of each other. Labels are a data set's own: classes of two data sets that are called
    alike, or a class and a caption of the same words, are negatives, where the paper's TargetM goes by the words.

    temperature: what similarities are divided by at the start; the paper's tau is 1, the released code's factor exp(1).
    directions: both for the paper's loss, one of them for its ablation (Table 3). alpha: label smoothing of the
    targets. mixup, cutmix: parameters of their Beta distributions, 0 for neither (Table 2's last column: 0.8 and 1). A
    picture is mixed with its neighbour, rows 0 and 1, 2 and 3 of a batch, so that ranks and pieces mix as the whole
    batch does (of a `balanced` source, a labelled picture with a captioned one).
    """

    image: ImageTower
    text: TextTower
    crop: Crop = Crop(area=(0.9, 1.0))
    temperature: Temperature = exp(-1)
    directions: Annotated[tuple[Literal["i2t", "t2i"], ...], MinLen(1)] = BOTH
    alpha: BelowOne = 0.0
    mixup: NotNegative = 0.0
    cutmix: NotNegative = 0.0

    def views(self):
        views = {
            "image": self.crop.view(self.image.resolution),
            "text": TextView("caption", self.text.context_length, "labels"),
        }
        if self.mixup or self.cutmix:
            views["mix"] = MixView(self.image.resolution, self.mixup, self.cutmix)
        return views

    def encode(self, ops, p, batch):
        images, shared = batch["image"], {"y": batch["text_label"]}
        if "mix" in batch:
            images, share = mixed(ops, images, batch["mix"])
            shared |= {"mixed_y": neighbours(ops, shared["y"]), "share": share}
        return Features({"u": unit(ops, p.image(images)), "v": unit(ops, p.text(batch["text"]))} | shared)

    def loss(self, ops, p, features, elapsed):
        shared, scale, rows = features.shared, p["logit_scale"], features.rows
        u, v, y = (shared[name] for name in "uvy")
        if "share" in shared:
            targets = MixedLabels(y, shared["mixed_y"], shared["share"], self.alpha)
        else:
            targets = EqualLabels(y, self.alpha)
        loss = infonce(ops, u, v, ops.exp(scale), targets=targets, rows=rows, directions=self.directions)
        return {"loss": loss, "logit_scale": features.part(scale)}
