"""Image-to-text and text-to-image retrieval with several captions an image (as in arXiv:1412.2306, section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.features import comparable, encode
from tandemclip.core.evaluation.protocols.nearest import Similarity, examples
from tandemclip.core.evaluation.protocols.texts_read import of_captions, refuse_textless
from tandemclip.core.hits import Hits
from tandemclip.core.training.evaluation import Evaluation

AT = (1, 5, 10)
METRICS = tuple(f"{way}/R@{k}" for way in ("i2t", "t2i") for k in AT)
ELEMENTS = 1 << 23  # similarities held at a time: 64 MiB in float64
# Equal pairs differ by a few units in the last place depending on where a matrix product's blocks fall; they must still
# tie.
TIE = {"float64": 1e-12, "float32": 1e-6}


@dataclass(frozen=True)
class Retrieval(Evaluation):
    """Every caption of the source against every image.

    source: what is asked.
    """

    source: Source

    def metrics(self, method):
        refuse_textless(method)
        return list(METRICS)

    def measure(self, model):
        encoded = encode(model, self.source, {}, captions=True)
        if not any(encoded.captions):
            raise UserError(
                "the evaluation source has no captions, by which retrieval asks; name one that has, or ask for classes"
            )
        owner = np.array([number for number, own in enumerate(encoded.captions) for _ in own])
        captions = [text for own in encoded.captions for text in own]
        remarks = of_captions(model.reading, captions, owner, len(encoded.captions))
        texts = comparable(model.method, model.encode_ids(model.reading.ids(captions)), "text features")
        images = comparable(model.method, encoded.features, "image features")
        found = recall(images, texts, owner, model.similarity, remarks)
        answers = examples(images, texts, owner, captions, model.similarity)
        return found | {name: replace(found[name], answers=each) for name, each in answers.items()}


def recall(
    images: np.ndarray, texts: np.ndarray, owner: np.ndarray, similarity: Similarity, remarks: tuple[str, ...] = ()
) -> dict[str, Hits]:
    """Recall at 1, 5 and 10: images [N, ...], texts [M, ...], owner [M] the image of each text.

    {"i2t/R@1": ..., "i2t/R@10", "t2i/R@1": ...}, the hits of the N images. i2t: one of the image's own captions is
    among the first k texts; images without a caption are only candidates. t2i: the text's image is among the first k
    images, and the text counts for that image. Ties count against the model (a foreign candidate of equal similarity
    stands before), so that a collapsed one scores 0, not by luck. remarks: of all of them.
    """
    owner = np.asarray(owner)
    if owner.shape != (len(texts),) or not len(owner) or owner.min() < 0 or owner.max() >= len(images):
        found = f"from {owner.min()} to {owner.max()}" if owner.size else "of no text"
        raise UserError(
            f"got owners {owner.shape} {found}; expected one of the {len(images)} images (from 0) for each of the "
            f"{len(texts)} texts, and some text"
        )
    image_ranks, text_ranks = _ranks(images, texts, owner, similarity)
    captions = np.bincount(owner, minlength=len(images))
    asked, count = captions > 0, len(images)
    return {
        f"i2t/R@{k}": Hits((image_ranks < k) & asked, asked, 1.0, _one_of(captions, len(texts), k), remarks) for k in AT
    } | {
        f"t2i/R@{k}": Hits(
            np.bincount(owner[text_ranks < k], minlength=count), captions, 1.0, min(1.0, k / count), remarks
        )
        for k in AT
    }


def _one_of(captions: np.ndarray, texts: int, k: int) -> np.ndarray:
    """[N]: how likely at least one of so many own captions is among k of all texts, drawn without replacement."""
    none = np.ones(len(captions))
    for drawn in range(min(k, texts)):
        none *= np.maximum(texts - captions - drawn, 0) / (texts - drawn)
    return 1 - none


def _ranks(images, texts, owner, similarity: Similarity) -> tuple[np.ndarray, np.ndarray]:
    """How many foreign texts [N] and foreign images [M] stand before the right one, from blocks of images."""
    rows = max(1, ELEMENTS // len(texts))
    blocks = [slice(start, min(start + rows, len(images))) for start in range(0, len(images), rows)]
    own = _own(images, texts, owner, similarity, blocks)
    best = np.full(len(images), -np.inf)  # [N]
    np.maximum.at(best, owner, own)
    image_ranks = np.zeros(len(images), dtype=np.int64)
    text_ranks = np.zeros(len(texts), dtype=np.int64)
    for block in blocks:
        found = similarity(images[block], texts)  # [rows, M]
        tie = TIE[found.dtype.name]
        mine = np.flatnonzero((owner >= block.start) & (owner < block.stop))
        found[owner[mine] - block.start, mine] = -np.inf
        image_ranks[block] = (found >= best[block, None] - tie).sum(axis=1)
        text_ranks += (found >= own - tie).sum(axis=0)
    return image_ranks, text_ranks


def _own(images, texts, owner, similarity: Similarity, blocks: list[slice]) -> np.ndarray:
    """[M]: how near each text is to its own image."""
    own = np.empty(len(texts))
    for block in blocks:
        mine = np.flatnonzero((owner >= block.start) & (owner < block.stop))
        if len(mine):
            own[mine] = similarity(images[block], texts[mine])[owner[mine] - block.start, np.arange(len(mine))]
    return own
