"""DeCLIP (Li et al. 2022, "Supervision Exists Everywhere"), section 3.2: four kinds of supervision in one batch.

    L = w_clip L_CLIP + w_image L_ISS + w_words L_TSS + w_nearest L_NNS

L_CLIP: the mean of four InfoNCEs, two views of the picture against the caption and a changed copy of it (multi-view
supervision). L_ISS: SimSiam of the two views. L_TSS: masked words, predicted by the text tower. L_NNS: the views
against the nearest neighbours of the two captions among texts that were seen before. docs/methods.md names each field
beside what the paper and the released code do.
"""

from dataclasses import dataclass
from typing import Literal

from tandemclip.core.bounds import Count, NotNegative, Positive, Positives
from tandemclip.core.data.views.crop import Crop
from tandemclip.core.data.views.edited import EditedTextView
from tandemclip.core.data.views.moco import MoCoV2
from tandemclip.core.data.views.text import WordEdit
from tandemclip.core.layers.head import Head, Statistics
from tandemclip.core.layers.linear import Linear
from tandemclip.core.methods.features import Features
from tandemclip.core.methods.masked_caption import mask_embedding, read_masked
from tandemclip.core.methods.method import TwoTowers, unit
from tandemclip.core.objectives.cross_entropy import mean
from tandemclip.core.objectives.infonce import infonce
from tandemclip.core.objectives.masked_language import masked_language
from tandemclip.core.objectives.queue import nearest, pushed
from tandemclip.core.objectives.simsiam import simsiam
from tandemclip.core.spec import Buffer, Directions
from tandemclip.core.towers.tower import ImageTower, TextTower

QUEUE = "auxiliary.queue"


@dataclass(frozen=True)
class DeCLIPWeights:
    """What the four kinds of supervision are multiplied by; one of 0 costs nothing.

    clip: of the contrast, without which nothing would train what inference compares. image: of the two views that
    predict each other. words: of masked words. nearest: of nearest neighbours.
    """

    clip: Positive = 0.4
    image: NotNegative = 0.2
    words: NotNegative = 0.2
    nearest: NotNegative = 0.2


@dataclass(frozen=True)
class SimSiam:
    """L_ISS, the part that sees pictures alone.

    width: of the projector's three layers. hidden: of the predictor's inner one. statistics: of the heads' BatchNorms,
    over the whole "batch", or over the samples of each "rank" as where they are not synchronised (released); on one
    rank these are equal.
    """

    width: Count = 1024
    hidden: Count = 512
    statistics: Statistics = "batch"


@dataclass(frozen=True)
class Queue:
    """L_NNS, the texts that were seen before.

    entries: how many there are (65,536 in the paper). pushes: what a step adds at its end: the changed captions and
    then the captions ("both", as released), or the captions alone ("plain").
    """

    entries: Count = 65_536
    pushes: Literal["both", "plain"] = "both"


@dataclass(frozen=True)
class DeCLIP(TwoTowers):
    """CLIP on two views of each picture and two of its caption, with three kinds of supervision beside it.

    weights: of the four. crop: of both views. change: what makes the second caption out of the first; it wants
    WordNet, so that it is off unless asked for, and the second is then the caption as it is. caption: which one the
    contrast, the neighbours and the queue see: the "masked" one, whose pass serves masked words too (released), or the
    "plain" one, which costs a pass more. simsiam, queue: two of the parts. scale_bounds: least and largest value of
    exp(logit_scale) (released: e^3 and 100).
    """

    image: ImageTower
    text: TextTower
    crop: Crop = Crop(area=(0.2, 1.0), flip=True, moco_v2=MoCoV2())
    change: WordEdit | None = None
    temperature: Positive = 0.07
    weights: DeCLIPWeights = DeCLIPWeights()
    caption: Literal["masked", "plain"] = "masked"
    simsiam: SimSiam = SimSiam()
    queue: Queue = Queue()
    scale_bounds: Positives = (1.0, 100.0)

    guessing = ("clip",)

    def views(self):
        picture = self.crop.view(self.image.resolution)
        text = EditedTextView("caption", self.text.context_length, change=self.change)
        return {"image": picture, "image_other": picture, "text": text}

    def cut(self, batch, length):
        return batch | {name: batch[name][:, :length] for name in ("text", "text_masked", "text_edited")}

    def length(self, batch):
        return max(super().length(batch), self.text.length(batch["text_edited"]))

    def children(self):
        parts = super().children()
        if self.weights.image:
            width, hidden = self.simsiam.width, self.simsiam.hidden
            parts["auxiliary.projector"] = Head(self.image.embed_dim, (width,) * 3, last_norm=True)
            parts["auxiliary.predictor"] = Head(width, (hidden, width))
        if self.weights.words:
            parts["auxiliary.words"] = Linear(self.text.token_dim, self.text.vocab_size)
        return parts

    @property
    def masks(self) -> bool:
        """Whether any part reads the masked caption."""
        return self.caption == "masked" or self.weights.words > 0

    def parameters(self):
        return super().parameters() | (mask_embedding(self.text) if self.masks else {})

    def buffers(self):
        entries = Buffer((self.queue.entries, self.text.embed_dim), Directions())
        return {QUEUE: entries} if self.weights.nearest else {}

    def encode(self, ops, p, batch):
        """ "one" and "other": the views as the tower gives them. "v" and "edited": the captions, unit rows."""
        features = Features({"one": p.image(batch["image"]), "other": p.image(batch["image_other"])})
        self._captions(ops, p, batch, features)
        return features

    def _captions(self, ops, p, batch, features):
        """-> the pass over the caption that the contrast sees."""
        masked = read_masked(ops, p, batch) if self.masks else None
        caption = masked if self.caption == "masked" else p.text.encode(batch["text"])
        features.shared |= {"v": unit(ops, caption.embedding), "edited": unit(ops, p.text(batch["text_edited"]))}
        if self.weights.words:
            chosen = (batch[f"text_{name}"] for name in ("places", "targets", "chosen"))
            classifier = p.child("auxiliary.words")
            features.own["words"] = masked_language(
                ops, masked.tokens[0], *chosen, classifier["weight"], classifier["bias"]
            )
        return caption

    def loss(self, ops, p, features, elapsed):
        shared, weights, log_scale = features.shared, self.weights, p["logit_scale"]
        views = [unit(ops, shared[name]) for name in ("one", "other")]
        texts, scale = [shared["v"], shared["edited"]], ops.exp(log_scale)
        pairs = [infonce(ops, u, v, scale, rows=features.rows) for u in views for v in texts]
        terms = {"clip": sum(pairs[1:], pairs[0]) / 4}
        if weights.image:
            terms["image"] = self._alike(ops, p, features)
        if weights.words:
            terms["words"] = features.part(mean(ops, *features.own["words"]))
        if weights.nearest:
            terms["nearest"] = self._nearest(ops, p, views, texts, scale, features.rows)
        loss = sum(term * vars(weights)[name] for name, term in terms.items())
        return terms | {"loss": loss, "logit_scale": features.part(log_scale)}

    def _alike(self, ops, p, features):
        """L_ISS. A head sees one view of everybody at a time, so that its statistics are those of the whole batch."""
        groups = features.groups(self.simsiam.statistics)
        z = [p.child("auxiliary.projector")(features.shared[name], groups=groups) for name in ("one", "other")]
        predicted = [p.child("auxiliary.predictor")(x, groups=groups) for x in z]
        return simsiam(ops, predicted, z, rows=features.rows)

    def _nearest(self, ops, p, views, texts, scale, rows):
        """L_NNS, from pictures to texts alone. The queue is read first, and then this step's captions join it."""
        seen = p[QUEUE]
        neighbours = [nearest(ops, v, seen) for v in texts]
        pairs = [infonce(ops, u, v, scale, rows=rows, directions=("i2t",)) for u in views for v in neighbours]
        caption, edited = texts
        new = ops.concat((edited, caption), 0) if self.queue.pushes == "both" else caption
        p.update(QUEUE, pushed(ops, seen, new))
        return sum(pairs[1:], pairs[0]) / 4
