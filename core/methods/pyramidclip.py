"""PyramidCLIP (Gao et al. 2022): hierarchical alignment, section 3.

Image side: global view G, local view L, ROI sequence R. Text side: summary S, caption T, object description A. Every
pair of a level of one side and a level of the other may be drawn together by a softened InfoNCE (eqs. 1 to 3):

    peer = (GS + LT)/2    global relation = (GA + RS)/2    local relation = (LA + RT)/2
    L = (1 - lambda - mu) peer + lambda global relation + mu local relation                                  (eq. 4)

`weights` holds the factor of each of the nine pairs; with lambda = mu = 1/3 the six of the paper weigh 1/6 each. A pair
of weight 0 costs nothing: a level that no pair uses is neither read nor encoded.
"""

from dataclasses import dataclass, fields
from functools import reduce
from operator import add

import numpy as np

from tandemclip.core.bounds import BelowOne, Count, NotNegative
from tandemclip.core.data.views.crop import Crop
from tandemclip.core.data.views.rois import RoiView
from tandemclip.core.data.views.text import Targets, TextView
from tandemclip.core.data.views.view import View
from tandemclip.core.errors import UserError
from tandemclip.core.methods.features import Features
from tandemclip.core.methods.method import Temperature, unit
from tandemclip.core.methods.softening import Progressive, SoftTargets
from tandemclip.core.objectives.infonce import infonce
from tandemclip.core.towers.tower import ImageTower, TextTower

TEXT_LEVELS = {"S": "text_summary", "T": "text_caption", "A": "text_objects"}
IMAGE_LEVELS = {"G": "image_global", "L": "image_local", "R": "rois"}


@dataclass(frozen=True)
class PairWeights:
    """The table {G, L, R} x {S, T, A}.

    GS, GT, GA, LS, LT, LA, RS, RT, RA: the weight of that pair in the loss; 0 leaves it out.
    """

    GS: NotNegative = 1 / 6
    GT: NotNegative = 0.0
    GA: NotNegative = 1 / 6
    LS: NotNegative = 0.0
    LT: NotNegative = 1 / 6
    LA: NotNegative = 1 / 6
    RS: NotNegative = 1 / 6
    RT: NotNegative = 1 / 6
    RA: NotNegative = 0.0

    @property
    def used(self) -> dict[str, float]:
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name)}

    def levels(self, names) -> list[str]:
        """Those of `names` (letters) that some pair uses, in the order given."""
        return [name for name in names if any(name in pair for pair in self.used)]


@dataclass(frozen=True)
class HasObjects(View):
    """1 where the record names objects, else 0: a scalar a sample."""

    def arrays(self):
        return {"": ((), np.dtype(np.float32))}

    def __call__(self, record, rng, tokenizer):
        return {"": np.float32(bool(record.objects))}


@dataclass(frozen=True)
class PyramidCLIP(SoftTargets):
    """Two crops and an ROI sequence against caption, summary and object descriptions.

    global_crop, local_crop: how pictures are cut and changed in training, for either view. weights: of the nine pairs.
    objects: length of the ROI sequence, padded and masked. alpha: softening of the targets (eq. 2). targets: what else
    is a positive of what: "pairs" for nothing, "texts" for equal texts, "labels" for texts of equal label; each pair of
    levels goes by its text. soften: targets that change with the run (LightCLIP 3.2), in place of these two; alpha is
    then to be 0. joint_views: both crops go through the image tower as one batch, so that a BatchNorm sees them
    together; a tower without one is always run so, as nothing but the time changes.
    """

    image: ImageTower
    text: TextTower
    global_crop: Crop = Crop(area=(0.9, 1.0))
    local_crop: Crop = Crop(area=(0.5, 1.0))
    weights: PairWeights = PairWeights()
    objects: Count = 10
    alpha: BelowOne = 0.2
    temperature: Temperature = 0.07
    targets: Targets = "pairs"
    joint_views: bool = False
    soften: Progressive | None = None

    def __post_init__(self):
        super().__post_init__()
        if not self.weights.used:
            raise UserError("every weight of the pairs {G, L, R} x {S, T, A} is 0; give one of them a weight")
        if self.weights.levels("R") and self.image.roi is None:
            raise UserError(
                f"the pairs {[pair for pair in self.weights.used if 'R' in pair]} need an image tower that takes ROI "
                "sequences; give it `roi: {dim: ...}` or set their weights to 0"
            )

    def views(self):
        text = {
            "S": TextView("summary", self.text.context_length, self.targets),
            "T": TextView("caption", self.text.context_length, self.targets),
            "A": TextView("objects", self.text.context_length, self.targets),
        }
        image = {
            "G": self.global_crop.view(self.image.resolution),
            "L": self.local_crop.view(self.image.resolution),
        }
        if self.image.roi is not None:
            image["R"] = RoiView(self.image.roi.dim, self.objects)
        wanted = {IMAGE_LEVELS[i]: image[i] for i in self.weights.levels("GLR")}
        wanted |= {TEXT_LEVELS[i]: text[i] for i in self.weights.levels("STA")}
        return wanted | ({"has_objects": HasObjects()} if self.weights.levels("RA") else {})

    def encode(self, ops, p, batch):
        joint = self.joint_views or not any(self.image.all_buffers())
        encoded = through(ops, p.image, {i: batch[IMAGE_LEVELS[i]] for i in self.weights.levels("GL")}, joint)
        if self.weights.levels("R"):
            encoded["R"] = p.image.encode_rois(batch["rois"], batch["rois_mask"])
        encoded |= through(ops, p.text, {i: batch[TEXT_LEVELS[i]] for i in self.weights.levels("STA")}, True)
        shared = {level: unit(ops, x) for level, x in encoded.items()}
        given = {"has_objects": "has_objects"} | {f"label_{i}": f"{TEXT_LEVELS[i]}_label" for i in TEXT_LEVELS}
        return Features(shared | {name: batch[view] for name, view in given.items() if view in batch})

    def loss(self, ops, p, features, elapsed):
        shared, scale, terms = features.shared, ops.exp(p["logit_scale"]), {}
        for pair in self.weights.used:
            present = shared["has_objects"] if set(pair) & set("RA") else None
            targets = self.kind(ops, elapsed, shared.get(f"label_{pair[1]}"))
            u, v = shared[pair[0]], shared[pair[1]]
            terms[pair] = infonce(ops, u, v, scale, targets=targets, present=present, rows=features.rows)
        loss = reduce(add, (terms[pair] * weight for pair, weight in self.weights.used.items()))
        return terms | {"loss": loss, "logit_scale": features.part(p["logit_scale"])}


def through(ops, tower, views, joint):
    """{level: [B, ...]} -> {level: [B, embed_dim]}, as one batch where `joint`."""
    if not joint or len(views) < 2:
        return {level: tower(x) for level, x in views.items()}
    output = tower(ops.concat(tuple(views.values()), 0))
    batch = output.shape[0] // len(views)
    return {level: output[i * batch : (i + 1) * batch] for i, level in enumerate(views)}
