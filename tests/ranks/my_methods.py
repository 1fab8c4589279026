"""Seven small methods of one's own, one for each mechanism; test_my_methods.py copies this file into its own folder."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from tandemclip.core.data.views.crop import Crop
from tandemclip.core.data.views.text import TextView
from tandemclip.core.layers.linear import Linear
from tandemclip.core.methods.clip import CLIP
from tandemclip.core.methods.features import Elapsed, Features
from tandemclip.core.methods.method import ImagesOnly, unit
from tandemclip.core.objectives.infonce import infonce
from tandemclip.core.objectives.targets import Pairs
from tandemclip.core.spec import Buffer, Normal, Parameter
from tandemclip.core.towers.tower import ImageTower

ONE = np.ones((), np.float32)


@dataclass(frozen=True)
class Queue(CLIP):
    """CLIP whose images are also drawn to the nearest of the texts seen before: a buffer that the loss writes."""

    entries: int = 20  # no multiple of the batch: the queue wraps in the middle of one

    def buffers(self):
        return {"auxiliary.queue": Buffer((self.entries, self.text.embed_dim), Normal(0.1))}

    def loss(self, ops, p, features, elapsed):
        terms = super().loss(ops, p, features, elapsed)
        u, v, seen = features.shared["u"], features.shared["v"], p["auxiliary.queue"]
        similarity = ops.matmul(u, ops.transpose(seen, (1, 0)))
        nearest = ops.stop_gradient(ops.take(seen, ops.argmax(similarity, 1)))
        near = features.part(-ops.mean(ops.sum(u * nearest, 1), 0))
        p.update("auxiliary.queue", ops.concat((ops.stop_gradient(v), seen), 0)[: self.entries])
        return terms | {"near": near, "loss": terms["loss"] + near}


class Tokens:
    """An embedding of words of its own, beside the towers: [B, L, D] and the mask [B, L] of what is no padding."""

    def children(self):
        width = self.image.embed_dim
        return super().children() | {"auxiliary.places": Linear(self.image.width, width)}

    def parameters(self):
        table = Parameter((self.text.vocab_size, self.image.embed_dim), Normal(0.5))
        return super().parameters() | {"auxiliary.words": table}

    def words(self, ops, p, ids):
        mask = ops.cast(ops.less(ops.constant(np.zeros((), np.int32)), ids), "float")
        return unit(ops, ops.take(p["auxiliary.words"], ids)), mask

    def places(self, ops, p, images):  # [B, 3, H, W] -> [B, N, D]
        grid = p.image.encode_grid(images)
        batch, width, rows, columns = grid.shape
        tokens = ops.transpose(ops.reshape(grid, (batch, width, rows * columns)), (0, 2, 1))
        return unit(ops, p.child("auxiliary.places")(tokens))


@dataclass(frozen=True)
class TokenWise(Tokens, CLIP):
    """Late interaction: of every word the most similar place, of every pair of picture and text the mean over words."""

    def encode(self, ops, p, batch):
        found = super().encode(ops, p, batch)
        words, mask = self.words(ops, p, batch["text"])
        found.shared |= {"places": self.places(ops, p, batch["image"]), "words": words, "mask": mask}
        return found

    def loss(self, ops, p, features, elapsed):
        terms, shared = super().loss(ops, p, features, elapsed), features.shared
        places, words, mask = shared["places"], shared["words"], shared["mask"]
        (count, size, width), length = places.shape, words.shape[1]
        flat = lambda x, n: ops.reshape(x, (count * n, width))
        product = ops.matmul(flat(places, size), ops.transpose(flat(words, length), (1, 0)))
        best = ops.max(ops.reshape(product, (count, size, count, length)), 1)  # [N, N, L]
        logits = ops.sum(best * mask, 2) / ops.sum(mask, 1) * 5.0
        own = ops.constant(np.eye(count, dtype=np.float32))
        dense = features.part(-ops.mean(ops.sum(ops.log_softmax(logits, 1) * own, 1), 0))
        return terms | {"dense": dense, "loss": terms["loss"] + dense}


@dataclass(frozen=True)
class Matching(Tokens, CLIP):
    """Words one-to-one with places: the host matches by costs alone. How well a pair matches is its weight for all."""

    chooses_by = ("cost",)
    gathered = ("weight",)

    def encode(self, ops, p, batch):
        found = super().encode(ops, p, batch)
        words, mask = self.words(ops, p, batch["text"])
        places = self.places(ops, p, batch["image"])
        cost = 1.0 - ops.matmul(words, ops.transpose(places, (0, 2, 1)))
        masked = cost * ops.reshape(mask, (*mask.shape, 1))  # a word that is padding costs nothing anywhere
        found.local |= {"words": words, "places": places, "mask": mask, "cost": ops.stop_gradient(masked)}
        return found

    def choose(self, local):
        matched = [linear_sum_assignment(cost)[1] for cost in local["cost"]]
        place = np.stack(matched).astype(np.int32)
        return {"place": place, "weight": (1 / (1 + self.choice_cost(local, {"place": place}))).astype(np.float32)}

    def choice_cost(self, local, chosen):
        return np.take_along_axis(local["cost"], chosen["place"][..., None].astype(np.int64), 2).sum((1, 2))

    def loss(self, ops, p, features, elapsed):
        terms, local = super().loss(ops, p, features, elapsed), features.local
        place = ops.pick(local["places"], features.chosen["place"])
        apart = (1.0 - ops.sum(local["words"] * place, 2)) * local["mask"]
        matched = ops.sum(ops.sum(apart, 1) / ops.sum(local["mask"], 1), 0) / features.count
        pairs = ops.sum(features.shared["u"] * features.shared["v"], 1)
        weighted = features.part(-ops.mean(pairs * features.chosen["weight"], 0))
        loss = terms["loss"] + matched + weighted
        return terms | {"matched": matched, "weighted": weighted, "loss": loss}


@dataclass(frozen=True)
class TwoPhases(CLIP):
    """One-hot targets in the first half of the epochs, then soft ones, which weigh more with every step."""

    phases = {"hard": Elapsed(0.25, 0.25), "soft": Elapsed(0.75, 0.75)}

    def loss(self, ops, p, features, elapsed):
        terms, scale = super().loss(ops, p, features, elapsed), ops.exp(p["logit_scale"])
        late = ops.cast(ops.less(ops.constant(0.5 * ONE), elapsed.epoch), "float") * elapsed.step
        u, v = features.shared["u"], features.shared["v"]
        soft = infonce(ops, u, v, scale, targets=Pairs(0.2), rows=features.rows)
        return terms | {"soft": soft, "loss": terms["loss"] * (1.0 - late) + soft * late}


@dataclass(frozen=True)
class DropPathCLIP(CLIP):
    """CLIP as it is; its image tower may lose branches."""


@dataclass(frozen=True)
class Brightness(ImagesOnly):
    """Every sample settles its own term: nothing is shared."""

    image: ImageTower
    width: int
    crop: Crop = Crop(area=(0.9, 1.0))

    def children(self):
        head = {"auxiliary.hidden": Linear(self.image.embed_dim, self.width), "auxiliary.told": Linear(self.width, 1)}
        return {"image": self.image} | head

    def views(self):
        return {"image": self.crop.view(self.image.resolution)}

    def encode(self, ops, p, batch):
        images = batch["image"]
        bright = ops.mean(images, (1, 2, 3))
        hidden = ops.tanh(p.child("auxiliary.hidden")(p.image(images)))
        told = ops.reshape(p.child("auxiliary.told")(hidden), bright.shape)
        colour = ops.mean(images, (2, 3))
        some = ops.cast(ops.less(colour[:, 2], colour[:, 0]), "float")  # of reddish pictures only
        return Features(own={"error": (ops.sum((told - bright) * (told - bright) * some, 0), ops.sum(some, 0))})

    def loss(self, ops, p, features, elapsed):
        total, count = features.own["error"]
        return {"loss": features.part(total / ops.maximum(count, ops.constant(ONE)))}


@dataclass(frozen=True)
class Frozen(CLIP):
    """The image tower but for its projection stays as it was."""

    frozen = ("image.patches.*", "image.blocks.*", "image.input_norm.*")

    def views(self):
        return super().views() | {"again": TextView("caption", self.text.context_length)}

    def encode(self, ops, p, batch):
        found = super().encode(ops, p, batch)
        found.shared["again"] = unit(ops, p.text(batch["again"]))
        return found

    def loss(self, ops, p, features, elapsed):
        terms = super().loss(ops, p, features, elapsed)
        shared, scale = features.shared, ops.exp(p["logit_scale"])
        again = infonce(ops, shared["u"], shared["again"], scale, rows=features.rows)
        return terms | {"again": again, "loss": terms["loss"] + again}
