"""LightCLIP (Nie et al. 2023): multi-level interaction for small towers, section 3.

    L = alpha L_inst + beta L_token + gamma L_mlm                                                          (eq. 1)

L_inst: InfoNCE whose targets soften as the run goes on (3.2, eqs. 2 to 9). L_token: tokens of a picture and of its own
caption, matched one to one (3.3, eqs. 10 to 13). L_mlm: masked words, predicted from the caption alone and from the
caption fused with the picture (3.4, eqs. 14 and 15). `weights` holds the three factors; a part of weight 0 costs
nothing. docs/lightclip.md lists every symbol, its field, and each reading that is ours.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tandemclip.core.bounds import Count, Counts, NotNegative, Positive
from tandemclip.core.data.views.crop import Crop
from tandemclip.core.data.views.masked import MaskedTextView
from tandemclip.core.data.views.moco import MoCoV2
from tandemclip.core.data.views.text import TextView, WordEdit
from tandemclip.core.errors import UserError
from tandemclip.core.layers.fusion import Fusion
from tandemclip.core.layers.linear import Linear
from tandemclip.core.methods.features import Features
from tandemclip.core.methods.masked_caption import mask_embedding, read_masked
from tandemclip.core.methods.method import Temperature, unit
from tandemclip.core.methods.softening import Progressive, SoftTargets
from tandemclip.core.objectives.cross_entropy import mean
from tandemclip.core.objectives.infonce import infonce
from tandemclip.core.objectives.masked_language import masked_language
from tandemclip.core.objectives.token_alignment import Divisor, costs, match, matched_cost, token_alignment
from tandemclip.core.precision import exact
from tandemclip.core.towers.tower import ImageTower, TextTower

PAIRS = ("image", "text", "matched")  # what `match` gives


@dataclass(frozen=True)
class Weights:
    """Eq. 1: alpha, beta and gamma.

    instance: of the contrastive part; without it nothing would train what inference compares. token: of matched tokens;
    0 leaves them out. mlm: of masked words; 0 leaves them out.
    """

    instance: Positive = 0.8
    token: NotNegative = 0.1
    mlm: NotNegative = 0.1


@dataclass(frozen=True)
class Alignment:
    """L_token, the alignment of tokens.

    ends: start and end of a text are among its tokens, as the paper counts all that is no padding.
    divisor: what a sample's sum is divided by: the number of its matched pairs, or of its image tokens.
    """

    ends: bool = True
    divisor: Divisor = "matched"


@dataclass(frozen=True)
class Masking:
    """L_mlm, the prediction of masked words.

    stages: of both towers, from 1, which are fused by number. heads: of the fusion's attentions. batch_norm: whether
    the fusion has one. mean: over the "words" that are chosen in a batch, or over its "texts" (eq. 14). classifiers:
    "two", one for words from the text alone and one for fused ones; "one" for both, with a linear map in front that
    brings fused words to the width of the text's.
    """

    stages: Counts = (2, 3)
    heads: Count = 8
    batch_norm: bool = False
    mean: Literal["words", "texts"] = "words"
    classifiers: Literal["two", "one"] = "two"


@dataclass(frozen=True)
class LightCLIP(SoftTargets):
    """Softened targets, matched tokens and masked words beside CLIP's loss.

    weights: of the three parts of the loss (eq. 1). alignment: of tokens (3.3). masking: of words (3.4). soften:
    targets that change with the run (3.2); None for one-hot ones. edit: one small change to each caption (4.1), which
    contrast, tokens and masked words all read; it wants WordNet, so that it is off unless asked for. crop: as MoCo v2
    augments pictures (4.1).
    """

    image: ImageTower
    text: TextTower
    crop: Crop = Crop(area=(0.2, 1.0), flip=True, moco_v2=MoCoV2())
    edit: WordEdit | None = None
    temperature: Temperature = 0.07
    weights: Weights = Weights()
    soften: Progressive | None = Progressive()
    alignment: Alignment = Alignment()
    masking: Masking = Masking()

    alpha = 0.0  # targets come of `soften` alone
    targets = "pairs"
    guessing = ("instance",)

    def __post_init__(self):
        super().__post_init__()
        if not self.weights.mlm:
            return
        stages = min(_stages("method.image", self.image), _stages("method.text", self.text))
        if not self.masking.stages or not all(1 <= stage <= stages for stage in self.masking.stages):
            raise UserError(
                f"method.masking.stages is {list(self.masking.stages)}; the towers have stages 1 to {stages}: name one "
                "or more of them, e.g. [2, 3]"
            )
        try:
            self.fusion().declared()
        except ValueError as error:
            raise UserError(f"method.masking.heads: {error}; give a number that divides the width") from error

    def views(self):
        view = MaskedTextView if self.weights.mlm else TextView
        text = view("caption", self.text.context_length, edit=self.edit)
        return {"image": self.crop.view(self.image.resolution), "text": text}

    def cut(self, batch, length):
        cut = super().cut(batch, length)
        return cut | {"text_masked": batch["text_masked"][:, :length]} if self.weights.mlm else cut

    def children(self):
        parts = super().children()
        if self.weights.token:
            parts |= {
                "auxiliary.image_tokens": Linear(self.image.token_dim, self.image.embed_dim),
                "auxiliary.text_tokens": Linear(self.text.token_dim, self.image.embed_dim),
            }
        if self.weights.mlm:
            fusion, width, words = self.fusion(), self.text.token_dim, self.text.vocab_size
            fused = {"fused_words": Linear(fusion.output_dim, words)}
            if self.masking.classifiers == "one":
                fused = {"fused": Linear(fusion.output_dim, width)}
            own = {"fusion": fusion, "words": Linear(width, words)} | fused
            parts |= {f"auxiliary.{name}": part for name, part in own.items()}
        return parts

    def parameters(self):
        return super().parameters() | (mask_embedding(self.text) if self.weights.mlm else {})

    def fusion(self) -> Fusion:
        picked = lambda sizes: tuple(sizes[stage - 1] for stage in self.masking.stages)
        sizes = picked(self.text.stage_dims), picked(self.image.stage_dims)
        return Fusion(*sizes, self.masking.heads, self.masking.batch_norm)

    def encode(self, ops, p, batch):
        image, text = p.image.encode(batch["image"]), p.text.encode(batch["text"])
        features = Features({"u": unit(ops, image.embedding), "v": unit(ops, text.embedding)})
        if self.weights.token:
            self._tokens(ops, p, features, image.tokens[0], *text.tokens)
        if self.weights.mlm:
            features.own |= self._masked_words(ops, p, batch, image)
        return features

    def _tokens(self, ops, p, features, image, text, mask):  # [B, l1, Di], [B, l2, Dt], [B, l2] or None
        """3.3: what is aligned, and what the host matches by."""
        image, text, mask = self._mapped(ops, p, image, text, mask)
        features.shared["has_tokens"] = ops.minimum(ops.sum(mask, 1), ops.constant(np.ones((), np.float32)))
        # In float32: a matching is decided by small differences, and costs little.
        cost = costs(exact(ops), *(ops.widen(x) for x in (image, text, mask)))
        features.local |= {"image": image, "text": text, "cost": cost}

    def token_costs(self, ops, p, images, ids):
        if not self.weights.token:
            raise UserError(
                "method.weights.token is 0, so that no tokens were aligned; look at a run that has a weight"
            )
        return costs(ops, *self._mapped(ops, p, p.image.tokens(images)[0], *p.text.tokens(ids)))

    def correspondence(self, cost):
        return match(cost)

    def _mapped(self, ops, p, image, text, mask):
        """Both sides in the width of the embedding, unit rows, and which of the text's are tokens."""
        image = unit(ops, p.child("auxiliary.image_tokens")(image))
        text = unit(ops, p.child("auxiliary.text_tokens")(text))
        if mask is None:  # all of them are tokens, and none of them an end
            mask = ops.sum(text * 0.0, 2) + 1.0
        elif not self.alignment.ends:
            mask = between_ends(ops, mask)
        return image, text, mask

    def _masked_words(self, ops, p, batch, image):
        """3.4: {term: (sum, count)}."""
        masked = read_masked(ops, p, batch)
        picked = lambda stages: tuple(stages[stage - 1] for stage in self.masking.stages)
        fused, words = p.child("auxiliary.fusion")(picked(masked.stages), picked(image.stages)), "auxiliary.fused_words"
        if self.masking.classifiers == "one":
            fused, words = p.child("auxiliary.fused")(fused), "auxiliary.words"
        chosen = tuple(batch[f"text_{name}"] for name in ("places", "targets", "chosen"))
        inputs = {"mlm_text": (masked.tokens[0], "auxiliary.words"), "mlm_fused": (fused, words)}
        loss = lambda tokens, classifier: masked_language(
            ops, tokens, *chosen, classifier["weight"], classifier["bias"], per_sample=self.masking.mean == "texts"
        )
        return {term: loss(tokens, p.child(name)) for term, (tokens, name) in inputs.items()}

    @property
    def chooses_by(self):
        return ("cost",) if self.weights.token else ()

    def choose(self, local):
        return match(local["cost"])

    def choice_cost(self, local, chosen):
        return matched_cost(local["cost"], chosen)

    def loss(self, ops, p, features, elapsed):
        shared, local, weights = features.shared, features.local, self.weights
        scale, targets = p["logit_scale"], self.kind(ops, elapsed, None)
        instance = infonce(ops, shared["u"], shared["v"], ops.exp(scale), targets=targets, rows=features.rows)
        terms, loss = {"instance": instance}, instance * weights.instance
        if weights.token:
            pairs = {name: features.chosen[name] for name in PAIRS}
            each = token_alignment(ops, local["image"], local["text"], pairs, self.alignment.divisor)
            terms["token"] = mean(ops, ops.sum(each, 0), ops.sum(shared["has_tokens"], 0))
            loss = loss + terms["token"] * weights.token
        if weights.mlm:
            terms |= {name: features.part(mean(ops, *features.own[name])) for name in ("mlm_text", "mlm_fused")}
            loss = loss + (terms["mlm_text"] + terms["mlm_fused"]) * (weights.mlm / 2)
        return terms | {"loss": loss, "logit_scale": features.part(scale)}


def _stages(place, tower):
    """How many a tower has. Raises UserError that names its place where it has none."""
    try:
        return len(tower.stage_dims)
    except UserError as error:
        raise UserError(f"{place}: {error}, or set method.weights.mlm to 0") from error


def between_ends(ops, mask):  # [B, L], 1 from the start to the end of a text -> [B, L], 1 for what lies between
    inside = np.ones((1, mask.shape[1]), np.float32)
    inside[0, 0] = 0
    return ops.concat((mask[:, 1:], mask[:, :1] * 0.0), 1) * ops.constant(inside)
