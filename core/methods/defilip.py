"""DeFILIP (Cui et al. 2022, "Democratizing Contrastive Language-Image Pre-training"): DeCLIP, and FILIP beside it.

    L = L_DeCLIP + w L_FILIP

L_FILIP compares the first view and the caption token by token. At inference it is DeCLIP.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tandemclip.core.bounds import Count, Positive
from tandemclip.core.layers.linear import Linear
from tandemclip.core.methods.declip import DeCLIP
from tandemclip.core.methods.features import Features
from tandemclip.core.methods.filip import compared, picture_tokens, require_tokens, to_compare, word_tokens
from tandemclip.core.methods.method import unit
from tandemclip.core.objectives.token_wise import Tokens
from tandemclip.core.spec import Constant, Parameter

DENSE_SCALE = "auxiliary.logit_scale"


@dataclass(frozen=True)
class TokenWise:
    """L_FILIP, the part that compares tokens.

    weight: w, what it is multiplied by. width, temperature, tokens, padding, select: as FILIP's; its scale is one of
    its own, without bounds.
    """

    weight: Positive = 0.2
    width: Count = 256
    temperature: Positive = 0.07
    tokens: Literal["normed", "last_block"] = "normed"
    padding: bool = False
    select: Count | None = None


@dataclass(frozen=True)
class DeFILIP(DeCLIP):
    """DeCLIP with token-wise similarity of the first view and the caption. filip: that part."""

    filip: TokenWise = TokenWise()

    def __post_init__(self):
        super().__post_init__()
        require_tokens(self.filip.select, self.image, self.text)

    def children(self):
        sides = (("image", self.image), ("text", self.text))
        maps = {f"auxiliary.{side}_tokens": Linear(tower.token_dim, self.filip.width) for side, tower in sides}
        return super().children() | maps

    def parameters(self):
        start = float(np.log(1 / self.filip.temperature))
        return super().parameters() | {DENSE_SCALE: Parameter((), Constant(start))}

    def length(self, batch):
        return None if self.filip.padding else max(super().length(batch), self.filip.select or 0)

    def encode(self, ops, p, batch):
        image = p.image.encode(batch["image"])
        features = Features({"one": image.embedding, "other": p.image(batch["image_other"])})
        text = self._captions(ops, p, batch, features)
        words, mask = word_tokens(ops, text, self.filip.padding)
        tokens = picture_tokens(ops, image, self.filip.tokens)
        tokens = unit(ops, p.child("auxiliary.image_tokens")(tokens))
        words = unit(ops, p.child("auxiliary.text_tokens")(words))
        features.shared |= to_compare(ops, Tokens(tokens, words, mask), self.filip.select)
        return features

    def loss(self, ops, p, features, elapsed):
        terms, scale = super().loss(ops, p, features, elapsed), p[DENSE_SCALE]
        tokens = compared(ops, features, ops.exp(scale))
        loss = terms["loss"] + tokens * self.filip.weight
        return terms | {"tokens": tokens, "loss": loss, "logit_scale_tokens": features.part(scale)}
