"""Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391, section 3): which places of a picture speak for a text.

    alpha_k = mean over places ij of d s / d A^k_ij                (eq. 1)
    map_ij  = max(0, sum over channels k of alpha_k A^k_ij)        (eq. 2)

A is what the watched node of the image tower gives, and s is how well the picture and the text agree at inference: of
most methods the cosine of their embeddings. Towers name the node (`ImageTower.watched`).
"""

import numpy as np

from tandemclip.core.errors import UserError
from tandemclip.core.serving.model import Model


def grad_cam(model: Model, images: np.ndarray, texts: list[str], node: str | None = None) -> np.ndarray:
    """[B, 3, H, W], normalised, and a text for each -> [B, h, w] float32, a number from 0 up for each place.

    node: of the image tower, in place of the one that it names itself; "image." may stand before it, as messages have
    it. UserError for one whose output has no places.
    """
    tower, ids = model.method.image, model.reading.ids(texts)
    name = tower.watched if node is None else node.removeprefix("image.")
    if name.startswith("text."):
        raise UserError(
            f"the node {name} is the text tower's, and maps are of the image tower; name one such as {tower.watched}"
        )
    watched, parts = f"image.{name}", []
    for start in range(0, len(images), model.batch_size):
        batch = images[start : start + model.batch_size]
        given = batch, ids[start : start + model.batch_size]
        found = model.node_gradients("agreement", watched, *given, count=len(images))
        value, gradient = (tower.map_of(x, batch) for x in found)
        if value.ndim != 4:
            raise UserError(
                f"the node {watched} gives {list(found[0].shape)}, which has no places; name one such as "
                f"{tower.watched}"
            )
        parts.append(weighed(value, gradient))
    return np.concatenate(parts)


def weighed(value: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Equations 1 and 2: what a node gave and the gradient by it, [B, h, w, C] each -> [B, h, w]."""
    alpha = gradient.mean((1, 2), keepdims=True)
    return np.maximum((alpha * value).sum(3), 0)
