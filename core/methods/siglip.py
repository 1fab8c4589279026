"""SigLIP (Zhai et al. 2023, "Sigmoid Loss for Language Image Pre-Training"): each pair by itself, right or wrong.

    L = -1/|B| sum over i, j of log sigmoid(z_ij (t x_i.y_j + b))                                      (section 3.2)

x: images, y: texts, unit rows. z is 1 for a pair that belongs together, -1 for any other. t = exp(t') and b are
learned.
"""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le

from tandemclip.core.bounds import Positive
from tandemclip.core.data.views.crop import Crop
from tandemclip.core.data.views.text import TextView
from tandemclip.core.methods.features import Features
from tandemclip.core.methods.method import UNBOUNDED, TwoTowers, unit
from tandemclip.core.objectives.sigmoid import sigmoid_pairs
from tandemclip.core.spec import Constant, Parameter
from tandemclip.core.towers.tower import ImageTower, TextTower


@dataclass(frozen=True)
class SigLIP(TwoTowers):
    """One crop, one caption; every image is told from every text by itself, without a softmax.

    temperature: 1 / t at the start (paper: t' = ln 10); logit_scale = t' has no upper bound, as in the paper. bias: b
    at the start; at -10 all pairs begin as negatives, which almost all of them are.
    """

    image: ImageTower
    text: TextTower
    crop: Crop = Crop(area=(0.9, 1.0))
    temperature: Positive = 0.1
    bias: Annotated[float, Ge(-100), Le(100)] = -10.0  # at a logit of 100 a sigmoid is 0 or 1 in any precision

    scale_bounds = UNBOUNDED
    guessing = ()  # no term has ln N where nothing is known

    def parameters(self):
        return super().parameters() | {"logit_bias": Parameter((), Constant(self.bias))}

    def views(self):
        return {
            "image": self.crop.view(self.image.resolution),
            "text": TextView("caption", self.text.context_length),
        }

    def encode(self, ops, p, batch):
        return Features({"u": unit(ops, p.image(batch["image"])), "v": unit(ops, p.text(batch["text"]))})

    def loss(self, ops, p, features, elapsed):
        u, v = features.shared["u"], features.shared["v"]
        t, b = ops.exp(p["logit_scale"]), p["logit_bias"]
        learned = {name: features.part(p[name]) for name in ("logit_scale", "logit_bias")}
        return {"loss": sigmoid_pairs(ops, u, v, t, b, rows=features.rows)} | learned
