"""What a method may expect of its towers."""

import numpy as np

from tandemclip.core.layers.roi import RoiInput
from tandemclip.core.spec import Spec


class ImageTower(Spec):
    """images [B, 3, resolution, resolution] -> [B, embed_dim].

    With `roi`, also encode_rois(rois, mask) -> [B, embed_dim].
    features(images [B, 3, resolution, resolution]) -> [B, D]: what a linear probe learns from, in front of the projection.
    encode_grid(images [B, 3, grid_resolution, grid_resolution]) -> [B, D, h, w]: features of places, in front of the
    pooling; at this resolution the cells cover the picture, each 1 / h of its height and 1 / w of its width.
    """

    resolution: int
    embed_dim: int
    roi: RoiInput | None

    @property
    def grid_resolution(self) -> int:
        return self.resolution


class TextTower(Spec):
    """ids int [B, L] -> [B, embed_dim]; L is the context length, or what `length` says of all of them."""

    vocab_size: int
    context_length: int
    embed_dim: int

    def length(self, ids: np.ndarray) -> int:
        """The least L for which ids[:, :L] give what ids [B, context_length] do; a tower that reads its padding needs
        all.
        """
        return ids.shape[1]
