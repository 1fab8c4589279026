"""FILIP (Yao et al. 2022, "Fine-grained Interactive Language-Image Pre-Training"), section 3.1: pictures and texts are
compared token by token.

    s_I = mean over the picture's tokens of the most similar word
    s_T = mean over the words of the most similar token of the picture

and the loss is InfoNCE, whose rows are pictures against s_I and texts against s_T. At inference they compare so too.

DeCLIP's released copy differs from the paper in what `padding`, `select` and `tokens` say; the defaults are the
paper's reading, and docs/methods.md sets the two side by side.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tandemclip.core.bounds import Count, Positive
from tandemclip.core.data.views.crop import Crop
from tandemclip.core.data.views.masked import MaskedTextView
from tandemclip.core.data.views.moco import MoCoV2
from tandemclip.core.data.views.text import TextView
from tandemclip.core.errors import UserError
from tandemclip.core.layers.linear import Linear
from tandemclip.core.methods.features import Features
from tandemclip.core.methods.masked_caption import mask_embedding, read_masked
from tandemclip.core.methods.method import UNBOUNDED, TwoTowers, unit
from tandemclip.core.objectives.targets import FAR
from tandemclip.core.objectives.token_alignment import costs
from tandemclip.core.objectives.token_wise import Tokens, late_interaction, nearest, own_interaction, token_wise
from tandemclip.core.towers.tower import ImageTower, TextTower

DIRECTIONS = {"image": ("i2t",), "text": ("t2i",), "both": ("i2t", "t2i")}  # of `compare`
COLUMNS = "_columns"  # behind the name of what maxima are taken over
UNUSED = ("projection", "pool")  # of a tower: what would give the one embedding that this method does without


@dataclass(frozen=True)
class FILIP(TwoTowers):
    """Every token of a picture looks for its word, and every word for its token.

    width: of the tokens when they are compared. temperature: where it starts; logit_scale has no upper bound, as
    released. tokens: of the picture, as the tower gives them, behind its last norm ("normed"), or as its "last_block"
    does (released). padding: positions behind the end of a text take part as words do (released). select: maxima are
    taken over so many tokens of each picture and text, those most similar to their own counterpart (released: 16);
    null: over all. caption: in training it is read as it is, or with masked words, which no loss predicts (released).
    compare: at inference, by s_I ("image"), s_T ("text"), or their mean ("both").

    The towers' own projections and pools stay as drawn, and so does a last norm that the tokens do not pass.
    """

    image: ImageTower
    text: TextTower
    crop: Crop = Crop(area=(0.2, 1.0), flip=True, moco_v2=MoCoV2())
    width: Count = 256
    temperature: Positive = 0.07
    tokens: Literal["normed", "last_block"] = "normed"
    padding: bool = False
    select: Count | None = None
    caption: Literal["plain", "masked"] = "plain"
    compare: Literal["image", "text", "both"] = "image"

    scale_bounds = UNBOUNDED

    def __post_init__(self):
        super().__post_init__()
        require_tokens(self.select, self.image, self.text)

    @property
    def frozen(self):
        image = UNUSED if self.tokens == "normed" else (*UNUSED, "output_norm")
        sides = ("image", self.image, image), ("text", self.text, UNUSED)
        return tuple(f"{side}.{part}.*" for side, tower, parts in sides for part in parts if part in tower.nodes)

    def children(self):
        maps = {f"{side}_tokens": Linear(getattr(self, side).token_dim, self.width) for side in ("image", "text")}
        return super().children() | maps

    def views(self):
        return {
            "image": self.crop.view(self.image.resolution),
            "text": (MaskedTextView if self.masks else TextView)("caption", self.text.context_length),
        }

    @property
    def masks(self) -> bool:
        return self.caption == "masked"

    def parameters(self):
        return super().parameters() | (mask_embedding(self.text) if self.masks else {})

    def cut(self, batch, length):
        cut = super().cut(batch, length)
        return cut | {"text_masked": batch["text_masked"][:, :length]} if self.masks else cut

    def length(self, batch):
        return None if self.padding else max(super().length(batch), self.select or 0)

    # ---- x and y of the paper
    def encode_image(self, ops, p, images):  # [B, 3, H, W] -> [B, T, width], unit rows
        return unit(ops, p.image_tokens(picture_tokens(ops, p.image.encode(images), self.tokens)))

    def encode_features(self, ops, p, images):  # [B, 3, H, W] -> [B, token_dim]
        """The mean of a picture's tokens: nothing trains a tower's pool, nor what a class token reads at last."""
        return ops.mean(picture_tokens(ops, p.image.encode(images), self.tokens), 1)

    def encode_text(
        self, ops, p, ids
    ):  # int [B, L] -> [B, context_length, width], unit rows; zeros for what is no word
        missing = self.text.context_length - ids.shape[1]  # an engine may have cut what is padding in all of them
        if missing:
            ids = ops.concat((ids, ops.constant(np.zeros((ids.shape[0], missing), np.int32))), 1)
        words, mask = self._words(ops, p, p.text.encode(ids))
        return words * ops.reshape(mask, (*mask.shape, 1))

    def _words(self, ops, p, seen):  # the text tower's pass -> [B, L, width], unit rows, and [B, L] of 1 and 0
        words, mask = word_tokens(ops, seen, self.padding)
        return unit(ops, p.text_tokens(words)), mask

    def similarity(self, ops, p, u, v):  # [N, T, width], [M, L, width] -> [N, M]
        if len(u.shape) != 3 or len(v.shape) != 3 or {u.shape[2], v.shape[2]} != {self.width}:
            raise UserError(
                f"images are {list(u.shape)} and texts {list(v.shape)}; expected features of one model, [N, tokens, "
                f"{self.width}] and [M, tokens, {self.width}]"
            )
        tokens = Tokens(u, v, words_there(ops, v))
        found = [late_interaction(ops, tokens, direction) for direction in DIRECTIONS[self.compare]]
        return sum(found[1:], found[0]) / len(found)

    def agreement(self, ops, p, images, ids):  # [B, 3, H, W], int [B, L] -> [B]; `similarity` carries no gradient
        tokens = self._pairs(ops, p, images, ids)
        found = [own_interaction(ops, tokens, direction) for direction in DIRECTIONS[self.compare]]
        return sum(found[1:], found[0]) / len(found)

    def token_costs(self, ops, p, images, ids):  # [B, 3, H, W], int [B, L] -> [B, T, context_length]
        return costs(ops, *self._pairs(ops, p, images, ids))

    def correspondence(self, cost):
        found = [nearest(cost, direction) for direction in DIRECTIONS[self.compare]]
        return {name: np.concatenate([each[name] for each in found], 1) for name in found[0]}

    def _pairs(self, ops, p, images, ids):
        u, v = self.encode_image(ops, p, images), self.encode_text(ops, p, ids)
        return Tokens(u, v, words_there(ops, v))

    # ---- training
    def encode(self, ops, p, batch):
        image = self.encode_image(ops, p, batch["image"])
        seen = read_masked(ops, p, batch) if self.masks else p.text.encode(batch["text"])
        text, mask = self._words(ops, p, seen)
        return Features(to_compare(ops, Tokens(image, text, mask), self.select))

    def loss(self, ops, p, features, elapsed):
        scale = p["logit_scale"]
        return {"loss": compared(ops, features, ops.exp(scale)), "logit_scale": features.part(scale)}


def words_there(ops, v):  # [M, L, width], unit rows and zeros -> [M, L] of 1 and 0
    return ops.cast(ops.less(ops.constant(np.full((), 0.5, np.float32)), ops.sum(v * v, 2)), "float")


# ------------------------------------------------------------------ what DeFILIP compares too
def picture_tokens(ops, seen, kind):
    """Of an image tower's pass, before they are mapped: [B, T, D]. kind: as the field `tokens` of FILIP."""
    if kind == "normed":
        return seen.tokens[0]
    last = seen.stages[-1]
    batch, channels, rows, columns = last.shape
    return ops.transpose(ops.reshape(last, (batch, channels, rows * columns)), (0, 2, 1))


def word_tokens(ops, seen, padding):
    """Of a text tower's pass, before they are mapped: [B, L, D], and [B, L], 1 for what takes part."""
    words, mask = seen.tokens
    return words, ops.sum(words * 0.0, 2) + 1.0 if mask is None or padding else mask


def to_compare(ops, tokens, select):
    """{name of shared features: array}. select: of each picture and text so many tokens, those most similar to their
    own counterpart, all of its tokens together, are there once more, for maxima to be taken over them; None: all are.
    """
    found = dict(zip(Tokens._fields, tokens))
    if select is None:
        return found
    image, text, mask = tokens
    own = ops.matmul(ops.stop_gradient(image), ops.transpose(ops.stop_gradient(text), (0, 2, 1)))  # [B, T, L]
    _, patches = ops.top_k(ops.sum(own * ops.reshape(mask, (mask.shape[0], 1, mask.shape[1])), 2), select)
    _, words = ops.top_k(ops.sum(own, 1) - (1.0 - mask) * FAR, select)
    keys = {"image": ops.pick(image, patches), "text": ops.pick(text, words), "mask": ops.pick(mask, words)}
    return found | {f"{name}{COLUMNS}": x for name, x in keys.items()}


def compared(ops, features, scale):
    """The loss of section 3.1, of what `to_compare` gave of everybody: this rank's part."""
    shared = features.shared
    tokens = Tokens(*(shared[name] for name in Tokens._fields))
    chosen = [shared[f"{name}{COLUMNS}"] for name in Tokens._fields if f"{name}{COLUMNS}" in shared]
    return token_wise(ops, tokens, scale, columns=Tokens(*chosen) if chosen else None, rows=features.rows)


def require_tokens(select, image, text):
    """UserError where a picture or a text has fewer tokens than are selected."""
    patches, words = (image.grid_resolution // image.stride) ** 2, text.context_length
    if select is not None and select > min(patches, words):
        raise UserError(
            f"method.select is {select}, and a picture has {patches} tokens and a text {words}; give at most "
            f"{min(patches, words)}, or null for all"
        )
