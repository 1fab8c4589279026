"""What a method is: `views`, `encode` and `loss`. The trainer, the data pipeline and the engines know nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

import numpy as np

from tandemclip.core.data.views.draws import DrawsView
from tandemclip.core.data.views.image import CentreView, ImageView
from tandemclip.core.data.views.text import TextView
from tandemclip.core.data.views.view import View
from tandemclip.core.errors import UserError
from tandemclip.core.ops import Array, Ops
from tandemclip.core.spec import Constant, Parameter, Scope, Spec
from tandemclip.core.towers.tower import ImageTower, TextTower

LARGEST_SCALE = 100.0  # CLIP: exp(logit_scale) is clamped to it after every update


@dataclass
class Features:
    """What a batch became. `shared`: arrays [B, ...] that the loss sees of everybody, over all ranks and pieces.

    `own`: (sum, count) of terms that each sample settles by itself, so that a mean is the mean over the global batch.
    rows: (start, stop) of the samples that this rank answers for, None for all of them. Every term of a loss is this
    rank's part, and the parts of all ranks add up to the term: a contrastive term takes its own rows (`infonce(...,
    rows=...)`), any other goes through `part`.
    """

    shared: dict[str, Array] = field(default_factory=dict)
    own: dict[str, tuple[Array, Array]] = field(default_factory=dict)
    rows: tuple[int, int] | None = None

    def arrays(self) -> dict[str, Array]:
        """All of them under one name each: "shared:NAME", "sum:NAME", "count:NAME"."""
        own = {f"{part}:{name}": x for name, pair in self.own.items() for part, x in zip(("sum", "count"), pair)}
        return {f"shared:{name}": x for name, x in self.shared.items()} | own

    @classmethod
    def of(cls, arrays: dict[str, Array], rows: tuple[int, int] | None = None) -> "Features":
        """From what `arrays` gave."""
        parts = [name.split(":", 1) for name in arrays]
        shared = {name: arrays[f"shared:{name}"] for part, name in parts if part == "shared"}
        own = {name: (arrays[f"sum:{name}"], arrays[f"count:{name}"]) for part, name in parts if part == "sum"}
        return cls(shared, own, rows)

    def part(self, term: Array) -> Array:
        """This rank's part of a term that every rank has whole."""
        if self.rows is None:
            return term
        samples = next(iter(self.shared.values())).shape[0]
        return term * ((self.rows[1] - self.rows[0]) / samples)


class Method(Spec):
    """Base of every method. `image` and `text` are towers with an `embed_dim`, as children under these names.

    classes: how many it classifies into by itself, by `classify`; 0 for none. guessing: the terms that are ln of the
    batch size where nothing is known, None for the loss and all others.
    frozen: patterns (fnmatch) of parameters that never train, whatever a run says; these parts run as at inference.
    """

    classes = 0
    guessing: tuple[str, ...] | None = None
    frozen: tuple[str, ...] = ()

    def all_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        for name, parameter in super().all_parameters(prefix):
            still = any(fnmatchcase(name.removeprefix(prefix), pattern) for pattern in self.frozen)
            yield name, replace(parameter, trainable=False) if still else parameter

    def views(self) -> dict[str, View]:
        """What the data pipeline hands over, by the name that `encode` finds it under."""
        raise TypeError(f"{type(self).__name__} declares no views")

    def encode(self, ops: Ops, p: Scope, batch: dict[str, Array]) -> Features:
        raise TypeError(f"{type(self).__name__} defines no encode")

    def loss(self, ops: Ops, p: Scope, features: Features, progress: Array) -> dict[str, Array]:
        """Named scalar terms over the whole batch, among them "loss". progress: 0 at the first step, 1 at the last."""
        raise TypeError(f"{type(self).__name__} defines no loss")

    def without_padding(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """A smaller batch with the same terms and gradients, for engines to which shapes may be new in every step."""
        return batch

    def paired(self, batch: dict[str, np.ndarray]) -> np.ndarray:
        """[B] bool: the samples whose image and text are brought together."""
        return np.ones(len(next(iter(batch.values()))), bool)

    def classify(
        self, ops: Ops, p: Scope, images: Array
    ) -> Array:  # [B, 3, H, W] -> [B, classes], the highest is the answer
        raise TypeError(f"{type(self).__name__} has no classes of its own")

    def inference_view(self) -> CentreView:
        """What `encode_image` expects at evaluation: the middle of the picture, resized and normalised as in
        training.
        """
        crop = next(view for view in self.views().values() if isinstance(view, ImageView))
        return CentreView(crop.resolution, crop.resize, crop.mean, crop.std, crop.crop_pct)

    def encode_image(self, ops: Ops, p: Scope, images: Array) -> Array:  # [B, 3, H, W] -> [B, embed_dim], unit rows
        return unit(ops, p.image(images))

    def encode_features(self, ops: Ops, p: Scope, images: Array) -> Array:  # [B, 3, H, W] -> [B, D], see ImageTower
        return p.image.features(images)

    def encode_grid(self, ops: Ops, p: Scope, images: Array) -> Array:  # [B, 3, H, W] -> [B, D, h, w], see ImageTower
        return p.image.encode_grid(images)

    def forward(self, ops: Ops, p: Scope, batch: dict[str, Array], progress: Array) -> dict[str, Array]:
        features, exact = self.features(ops, p, batch), p.exact()
        return self.loss(exact.run.ops, exact, Features.of(features), progress)

    def features(self, ops: Ops, p: Scope, batch: dict[str, Array]) -> dict[str, Array]:
        """What `encode` gives, by `Features.arrays`' names; in float whatever the towers compute in, for losses are
        exact.
        """
        return {name: ops.widen(x) for name, x in self.encode(ops, p, batch).arrays().items()}


class ImagesOnly(Method):
    """A method that reads no texts."""

    text = None


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
        if self.image.draws and not any(isinstance(view, DrawsView) for view in self.views().values()):
            raise UserError(
                f"the image tower has a drop_path, and {type(self).__name__} draws nothing; set image.drop_path=0"
            )

    def children(self):
        return {"image": self.image, "text": self.text}

    def parameters(self):
        start = float(np.log(1 / self.temperature))
        return {"logit_scale": Parameter((), Constant(start), maximum=float(np.log(LARGEST_SCALE)))}

    def without_padding(self, batch):
        texts = [name for name, view in self.views().items() if isinstance(view, TextView) and name in batch]
        length = max(
            (self.text.length(batch[name]) for name in texts), default=0
        )  # one for all: they may be encoded together
        return batch | {name: batch[name][:, :length] for name in texts}

    def encode_text(self, ops: Ops, p: Scope, ids: Array) -> Array:  # int [B, L] -> [B, embed_dim], unit rows
        return unit(ops, p.text(ids))


def drawn(batch: dict[str, Array], name: str = "draws") -> tuple[Array, ...]:
    """What an image tower is given behind the images in training: what its `drawing` asked for, if anything."""
    return (batch[name],) if name in batch else ()


def unit(ops: Ops, x: Array) -> Array:
    return ops.l2_normalize(x, 1e-12)
