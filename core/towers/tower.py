"""What a method may expect of its towers."""

from tandemclip.core.layers.roi import RoiInput
from tandemclip.core.spec import Spec


class ImageTower(Spec):
    """images [B, 3, resolution, resolution] -> [B, embed_dim]; with `roi`, also encode_rois(rois, mask) -> [B, embed_dim]."""

    resolution: int
    embed_dim: int
    roi: RoiInput | None


class TextTower(Spec):
    """ids int [B, context_length] -> [B, embed_dim]."""

    vocab_size: int
    context_length: int
    embed_dim: int
