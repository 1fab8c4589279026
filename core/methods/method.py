"""What a method is: `views`, `encode` and `loss`. The trainer, the data pipeline and the engines know nothing else."""

from dataclasses import dataclass, field

import numpy as np

from tandemclip.core.data.views import CentreView, ImageView, View
from tandemclip.core.errors import UserError
from tandemclip.core.ops import Array, Ops
from tandemclip.core.spec import Constant, Parameter, Scope, Spec
from tandemclip.core.towers.tower import ImageTower, TextTower

LARGEST_SCALE = 100.0  # CLIP: exp(logit_scale) is clamped to it after every update


@dataclass
class Features:
    """What a batch became. `shared`: arrays [B, ...] that the loss sees of everybody, over all ranks and slices.

    `own`: (sum, count) of terms that each sample settles by itself, so that a mean is the mean over the global batch.
    """

    shared: dict[str, Array] = field(default_factory=dict)
    own: dict[str, tuple[Array, Array]] = field(default_factory=dict)


class Method(Spec):
    """Base of every method. `image` and `text` are towers with an `embed_dim`, as children under these names."""

    def views(self) -> dict[str, View]:
        """What the data pipeline hands over, by the name that `encode` finds it under."""
        raise TypeError(f"{type(self).__name__} declares no views")

    def encode(self, ops: Ops, p: Scope, batch: dict[str, Array]) -> Features:
        raise TypeError(f"{type(self).__name__} defines no encode")

    def loss(self, ops: Ops, p: Scope, features: Features, progress: Array) -> dict[str, Array]:
        """Named scalar terms over the whole batch, among them "loss". progress: 0 at the first step, 1 at the last."""
        raise TypeError(f"{type(self).__name__} defines no loss")

    def forward(self, ops: Ops, p: Scope, batch: dict[str, Array], progress: Array) -> dict[str, Array]:
        return self.loss(ops, p, self.encode(ops, p, batch), progress)


class TwoTowers(Method):
    """A method with an image tower, a text tower and a learnable temperature."""

    image: ImageTower
    text: TextTower
    temperature: float

    def __post_init__(self):
        if self.image.embed_dim != self.text.embed_dim:
            raise UserError(
                f"the image tower embeds into {self.image.embed_dim} dimensions and the text tower into "
                f"{self.text.embed_dim}; give both the same embed_dim"
            )

    def children(self):
        return {"image": self.image, "text": self.text}

    def parameters(self):
        start = float(np.log(1 / self.temperature))
        return {"logit_scale": Parameter((), Constant(start), maximum=float(np.log(LARGEST_SCALE)))}

    def inference_view(self) -> CentreView:
        """What `encode_image` expects at evaluation: the middle of the picture, normalised as in training."""
        crop = next(view for view in self.views().values() if isinstance(view, ImageView))
        return CentreView(crop.resolution, mean=crop.mean, std=crop.std)

    def encode_image(self, ops: Ops, p: Scope, images: Array) -> Array:  # [B, 3, H, W] -> [B, embed_dim], unit rows
        return unit(ops, p.image(images))

    def encode_text(self, ops: Ops, p: Scope, ids: Array) -> Array:  # int [B, L] -> [B, embed_dim], unit rows
        return unit(ops, p.text(ids))


def unit(ops: Ops, x: Array) -> Array:
    return ops.l2_normalize(x, 1e-12)
