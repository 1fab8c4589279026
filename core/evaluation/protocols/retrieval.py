"""Image-to-text and text-to-image retrieval with several captions an image (as in arXiv:1412.2306, section 4.2)."""

from __future__ import annotations

import numpy as np

from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.zero_shot import unit_rows
from tandemclip.core.hits import Hits

AT = (1, 5, 10)
METRICS = tuple(f"{way}/R@{k}" for way in ("i2t", "t2i") for k in AT)
ELEMENTS = 1 << 23  # similarities held at a time: 64 MiB in float64
# Equal pairs of vectors differ by a few 1e-16 depending on where a matrix product's blocks fall; they must still tie.
TIE = 1e-12


def recall(image_features: np.ndarray, text_features: np.ndarray, owner: np.ndarray) -> dict[str, Hits]:
    """Recall at 1, 5 and 10: images [N, D], texts [M, D], owner [M] the image of each text.

    {"i2t/R@1": ..., "i2t/R@10", "t2i/R@1": ...}, the hits of the N images. i2t: one of the image's own captions is
    among the first k texts; images without a caption are only candidates. t2i: the text's image is among the first k
    images, and the text counts for that image. Ties count against the model (a foreign candidate of equal similarity
    stands before), so that a collapsed one scores 0, not by luck.
    """
    images, texts = unit_rows(image_features, "image features"), unit_rows(text_features, "text features")
    owner = np.asarray(owner)
    if owner.shape != (len(texts),) or owner.min() < 0 or owner.max() >= len(images):
        raise UserError(
            f"got owners {owner.shape} from {owner.min(initial=0)} to {owner.max(initial=-1)}; expected one of the"
            f" {len(images)} images (from 0) for each of the {len(texts)} texts"
        )
    image_ranks, text_ranks = _ranks(images, texts, owner)
    captions = np.bincount(owner, minlength=len(images))
    found = {f"i2t/R@{k}": Hits((image_ranks < k) & (captions > 0), captions > 0) for k in AT}
    return found | {f"t2i/R@{k}": Hits(np.bincount(owner[text_ranks < k], minlength=len(images)), captions) for k in AT}


def _ranks(images: np.ndarray, texts: np.ndarray, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many foreign texts [N] and foreign images [M] stand before the right one; one pass over blocks of images."""
    own = np.einsum("md,md->m", images[owner], texts)  # [M]
    best = np.full(len(images), -np.inf)  # [N]
    np.maximum.at(best, owner, own)
    image_ranks = np.zeros(len(images), dtype=np.int64)
    text_ranks = np.zeros(len(texts), dtype=np.int64)
    rows = max(1, ELEMENTS // len(texts))
    for start in range(0, len(images), rows):
        block = images[start : start + rows] @ texts.T  # [rows, M]
        mine = np.flatnonzero((owner >= start) & (owner < start + rows))
        block[owner[mine] - start, mine] = -np.inf
        image_ranks[start : start + rows] = (block >= best[start : start + rows, None] - TIE).sum(axis=1)
        text_ranks += (block >= own - TIE).sum(axis=0)
    return image_ranks, text_ranks
