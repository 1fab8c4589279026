"""Which arrays of a batch are pictures, texts and labels: their views say it by type."""

from typing import NamedTuple

import numpy as np

from tandemclip.core.data.views.image import ImageView
from tandemclip.core.data.views.text import LABEL, TextView
from tandemclip.core.data.views.view import View
from tandemclip.core.training.engine import Arrays


class Pairs(NamedTuple):
    """What the towers of a method take: images [B, 3, H, W] and token ids [B, L].

    labels: [B, 2], whose equal rows are one text; None where the view has none.
    """

    images: np.ndarray
    ids: np.ndarray
    labels: np.ndarray | None


def images_of(views: dict[str, View], batch: Arrays) -> Arrays:
    """{view: images [B, 3, H, W]}"""
    return {name: batch[name] for name, view in views.items() if isinstance(view, ImageView)}


def texts_of(views: dict[str, View], batch: Arrays) -> Arrays:
    """{view: token ids [B, L]}"""
    return {name: batch[name] for name, view in views.items() if isinstance(view, TextView)}


def pairs_of(method, batch: Arrays) -> Pairs | None:
    """The first views of the size that the method's towers take; None where it has none."""
    if method.text is None:
        return None
    side, length = method.image.resolution, method.text.context_length
    images = [array for array in images_of(method.views(), batch).values() if array.shape[2:] == (side, side)]
    texts = [name for name, ids in texts_of(method.views(), batch).items() if ids.shape[1] == length]
    return Pairs(images[0], batch[texts[0]], batch.get(texts[0] + LABEL)) if images and texts else None
