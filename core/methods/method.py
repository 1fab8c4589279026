"""What a method is: `views`, `encode`, `choose` and `loss`. Trainer, data pipeline and engines know nothing else."""

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Annotated

import numpy as np
from annotated_types import Ge

from tandemclip.core.data.views.image import CentreView, ImageView
from tandemclip.core.data.views.text import TextView
from tandemclip.core.data.views.view import View
from tandemclip.core.errors import UserError
from tandemclip.core.methods.features import CHOSEN, START, Elapsed, Features
from tandemclip.core.ops import Array, Ops
from tandemclip.core.spec import Constant, Draws, Parameter, Scope, Spec
from tandemclip.core.towers.tower import ImageTower, TextTower

UNBOUNDED = (0.0, np.inf)  # `scale_bounds` of a method that holds its scale by nothing
LARGEST_SCALE = 100.0  # CLIP: exp(logit_scale) is clamped to it after every update
Temperature = Annotated[float, Ge(1 / LARGEST_SCALE)]  # a lower one would be undone by the first update
AUXILIARY = "auxiliary."  # what only training needs lies under this prefix: exports drop it, inference never touches it
DRAWS = "draws"  # the view that holds the random numbers of layers (core/data/views/draws.py)


class Method(Spec):
    """Base of every method. `image` and `text` are towers with an `embed_dim`, as children under these names.

    image: the tower that encodes pictures. text: the tower that encodes texts. crop: how pictures are cut and changed
    in training.

    classes: how many it classifies into by itself, by `classify`; 0 for none. guessing: the terms that are ln of the
    batch size where nothing is known, None for the loss and all others.
    of_classes: patterns (fnmatch) of the parameters that have a place for each class, which is the class's number: the
    names of the classes go with them, into checkpoints and through `init`.
    chooses_by: the local features that `choose` reads on the host. Without any there is no choice, and a step is one
    program. gathered: the choices that every rank sees of everybody; the others stay with their samples.
    phases: by a name each, where in a run the loss is another function; parity, doctor and bench look at each.
    frozen: patterns (fnmatch) of parameters that never train, whatever a run says; these parts run as at inference.
    """

    classes = 0
    of_classes: tuple[str, ...] = ()
    guessing: tuple[str, ...] | None = None
    frozen: tuple[str, ...] = ()
    chooses_by: tuple[str, ...] = ()
    gathered: tuple[str, ...] = ()
    phases: dict[str, Elapsed] = {"": START}

    def views(self) -> dict[str, View]:
        """What the data pipeline hands over, by the name that `encode` finds it under."""
        raise TypeError(f"{type(self).__name__} declares no views")

    def encode(self, ops: Ops, p: Scope, batch: dict[str, Array]) -> Features:
        raise TypeError(f"{type(self).__name__} defines no encode")

    def choose(self, local: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What the vocabulary cannot compute (a matching), on the host: {name: [B, ...]} for `features.chosen`, int32
        or float.

        local: the features of `chooses_by`, of this rank's samples. No gradient goes through a choice.
        """
        raise TypeError(f"{type(self).__name__} chooses nothing")

    def choice_cost(self, local: dict[str, np.ndarray], chosen: dict[str, np.ndarray]) -> np.ndarray:
        """[B]: what a choice costs each sample, the less the better.

        Two engines may choose differently at equal cost.
        """
        raise TypeError(f"{type(self).__name__} names no cost of its choice")

    def loss(self, ops: Ops, p: Scope, features: Features, elapsed: Elapsed) -> dict[str, Array]:
        """Named scalar terms over the whole batch, among them "loss"."""
        raise TypeError(f"{type(self).__name__} defines no loss")

    def length(self, batch: dict[str, np.ndarray]) -> int | None:
        """The least length of texts that gives the same terms and gradients, None where there are none to shorten."""
        return None

    def cut(self, batch: dict[str, np.ndarray], length: int) -> dict[str, np.ndarray]:
        """The batch with texts of this length, for engines to which shapes may be new in every step."""
        return batch

    def all_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """Auxiliary parts were once under "training.", and are drawn as they were. What is `frozen` never trains."""
        for name, parameter in super().all_parameters(prefix):
            own = name.removeprefix(prefix)
            if own.startswith(AUXILIARY):
                parameter = replace(parameter, key="training." + own.removeprefix(AUXILIARY))
            if any(fnmatchcase(own, pattern) for pattern in self.frozen):
                parameter = replace(parameter, trainable=False)
            yield name, parameter

    def paired(self, batch: dict[str, np.ndarray]) -> np.ndarray:
        """[B] bool: the samples whose image and text are brought together."""
        return np.ones(len(next(iter(batch.values()))), bool)

    def classify(self, ops: Ops, p: Scope, images: Array) -> Array:  # [B, 3, H, W] -> [B, classes]
        """The highest is the answer."""
        raise TypeError(f"{type(self).__name__} has no classes of its own")

    def inference_view(self) -> CentreView:
        """What `encode_image` expects at evaluation: the middle of the picture, resized and normalised as in
        training.
        """
        crop = next(view for view in self.views().values() if isinstance(view, ImageView))
        return CentreView(crop.resolution, crop.resize, crop.mean, crop.std, crop.crop_pct)

    def encode_image(self, ops: Ops, p: Scope, images: Array) -> Array:  # [B, 3, H, W] -> [B, embed_dim], unit rows
        return unit(ops, p.image(images))

    def encode_text(self, ops: Ops, p: Scope, ids: Array) -> Array:  # int [B, L] -> [B, embed_dim], unit rows
        raise TypeError(f"{type(self).__name__} reads no texts")

    def encode_features(self, ops: Ops, p: Scope, images: Array) -> Array:  # [B, 3, H, W] -> [B, D], see ImageTower
        return p.image.features(images)

    def encode_readings(self, ops: Ops, p: Scope, images: Array) -> Array:  # [B, 3, H, W] -> [B, embed_dim + D]
        """What `encode_image` and `encode_features` give, side by side, by one pass through the tower; where
        `one_pass`.
        """
        seen = p.image.encode(images)
        return ops.concat((unit(ops, seen.embedding), seen.features), 1)

    @property
    def one_pass(self) -> bool:
        """Whether `encode_image` and `encode_features` are two readings of one pass."""
        own = type(self)
        return own.encode_image is Method.encode_image and own.encode_features is Method.encode_features

    def encode_grid(self, ops: Ops, p: Scope, images: Array) -> Array:  # [B, 3, H, W] -> [B, D, h, w], see ImageTower
        return p.image.encode_grid(images)

    def similarity(self, ops: Ops, p: Scope, u: Array, v: Array) -> Array:  # [N, ...], [M, ...] -> [N, M]
        """How images (what `encode_image` gives) and texts (`encode_text`) compare at inference: the highest is the
        nearest.
        """
        return ops.matmul(u, ops.transpose(v, (1, 0)))

    def agreement(self, ops: Ops, p: Scope, images: Array, ids: Array) -> Array:  # [B, 3, H, W], int [B, L] -> [B]
        """The similarity of each picture with its own text, with a gradient: what Grad-CAM differentiates."""
        found = self.similarity(ops, p, self.encode_image(ops, p, images), self.encode_text(ops, p, ids))
        return ops.sum(found * ops.constant(np.eye(found.shape[0], dtype=np.float32)), 1)

    def token_costs(self, ops: Ops, p: Scope, images: Array, ids: Array) -> Array:
        """[B, 3, H, W], int [B, L] -> [B, T, L']: 1 - cosine of each token of a picture with each of its own text, and
        `token_alignment.NO_TOKEN` where the text has none. UserError of a method that compares no tokens.
        """
        raise UserError(f"{type(self).__name__} compares no tokens; LightCLIP with weights.token, and FILIP, do")

    def correspondence(self, cost: np.ndarray) -> dict[str, np.ndarray]:
        """Which tokens it holds together, on the host: what `token_costs` gave -> {"image", "text": int [B, K], the
        places of each pair; "matched": [B, K], 1 for a pair, 0 for what fills up}.
        """
        raise TypeError(f"{type(self).__name__} names no correspondence")

    @property
    def by_dot_product(self) -> bool:
        """Whether images and texts are unit rows and compare by their dot product: the host takes it in float64, in
        which equal pairs tie, and the prompts of a class become one direction.
        """
        return type(self).similarity is Method.similarity

    def forward(self, ops: Ops, p: Scope, batch: dict[str, Array], elapsed: Elapsed) -> dict[str, Array]:
        """The terms of one whole batch; "chosen:NAME" in it are choices that were made before."""
        chosen = {name: x for name, x in batch.items() if name.startswith(CHOSEN)}
        encoded = self.features(ops, p, {name: x for name, x in batch.items() if name not in chosen})
        features, exact = Features.of(encoded | chosen, count=_rows(batch)), p.exact()
        return self.loss(exact.run.ops, exact, features, elapsed)

    def features(self, ops: Ops, p: Scope, batch: dict[str, Array]) -> dict[str, Array]:
        """What `encode` gives, by `Features.arrays`' names; in float whatever the towers compute in, for losses are
        exact.
        """
        batch = dict(batch)
        if DRAWS in batch:
            p.run.draws = Draws(batch.pop(DRAWS))
        return {name: ops.widen(x) for name, x in self.encode(ops, p, batch).arrays().items()}


def _rows(batch) -> int:
    return next(iter(batch.values())).shape[0]


class ImagesOnly(Method):
    """A method that reads no texts."""

    text = None


class TwoTowers(Method):
    """A method with an image tower, a text tower and a learnable temperature.

    temperature: what similarities are divided by at the start; it is learned, as logit_scale = ln(1 / temperature).
    scale_bounds: the least and the largest value of exp(logit_scale) after an update.
    """

    scale_bounds = (0.0, LARGEST_SCALE)

    image: ImageTower
    text: TextTower
    temperature: float

    def __post_init__(self):
        low, high = self.scale_bounds
        if low and not low <= 1 / self.temperature <= high * (1 + 1e-9):  # of others the type `Temperature` says it
            raise UserError(
                f"method.temperature is {self.temperature:g}, so that the scale starts at {1 / self.temperature:g}; "
                f"the first update would bring it to between {low:g} and {high:g}: give a temperature from "
                f"{1 / high:g} to {1 / low:g}"
            )
        if self.image.embed_dim != self.text.embed_dim:
            raise UserError(
                f"the image tower embeds into {self.image.embed_dim} dimensions and the text tower into "
                f"{self.text.embed_dim}; give both the same embed_dim"
            )

    def children(self):
        return {"image": self.image, "text": self.text}

    def parameters(self):
        low, high = (float(np.log(bound)) if 0 < bound < np.inf else None for bound in self.scale_bounds)
        start = Constant(float(np.log(1 / self.temperature)))
        return {"logit_scale": Parameter((), start, minimum=low, maximum=high)}

    def length(self, batch):
        return max((self.text.length(batch[name]) for name in self._texts if name in batch), default=None)

    def cut(self, batch, length):
        return batch | {name: batch[name][:, :length] for name in self._texts if name in batch}

    @cached_property
    def _texts(self) -> list[str]:
        return [name for name, view in self.views().items() if isinstance(view, TextView)]

    def encode_text(self, ops: Ops, p: Scope, ids: Array) -> Array:  # int [B, L] -> [B, embed_dim], unit rows
        return unit(ops, p.text(ids))


def unit(ops: Ops, x: Array) -> Array:
    return ops.l2_normalize(x, 1e-12)
