"""What a method may expect of its towers."""

import numpy as np

from tandemclip.core.layers.roi import RoiInput
from tandemclip.core.towers.encoding import Encoding, Tower


class ImageTower(Tower):
    """images [B, 3, resolution, resolution] -> [B, embed_dim].

    resolution: the side of its pictures, in pixels. embed_dim: the length of what it gives; both towers of a method
    have the same. roi: how it takes ROI sequences (PyramidCLIP); null: it takes none.

    The trunk, and so `stages`, takes pictures [B, 3, H, W] of any sides that are multiples of `stride`; what pools the
    last map may not. Blocks are children named `stages.S.I`, where a tower does not say otherwise.

    With `roi`, also encode_rois(rois, mask) -> [B, embed_dim].
    features(images) -> [B, feature_dim]: what a linear probe learns from, in front of the projection.
    tokens(images) -> ([B, N, token_dim], None): the last map in front of the pooling, row by row, after the tower's
    last norm if it has one there; a class token is not among them.
    stages(images) -> (map [B, C, h, w] ...), C as in stage_dims: each as the stage's last block gave it, before it is
    merged or downsampled for the next, and before any norm that is not the block's.
    encode_grid(images [B, 3, grid_resolution, grid_resolution]) -> [B, token_dim, h, w]: the tokens in their places; at
    this resolution the cells cover the picture, each 1 / h of its height and 1 / w of its width.
    watched: the node, by its name within the tower, whose output Grad-CAM looks at: the last one with places that the
    embedding is made of.
    """

    resolution: int
    embed_dim: int
    roi: RoiInput | None
    stride: int  # pixels between two places of the last map
    stage_depths: tuple[int, ...]  # blocks of each stage

    @property
    def grid_resolution(self) -> int:
        return self.resolution

    @property
    def watched(self) -> str:
        last = len(self.stage_depths) - 1
        return f"stages.{last}.{self.stage_depths[last] - 1}"

    def map_of(self, x: np.ndarray, images: np.ndarray) -> np.ndarray:  # [B, C, h, w], [B, 3, H, W] -> [B, h, w, C]
        """What a node gave (on the host) with its places in front of its channels; of an array without places, as it
        is.
        """
        return x.transpose(0, 2, 3, 1) if x.ndim == 4 else x

    def encode_grid(self, ops, p, images):  # [B, 3, H, W] -> [B, token_dim, h, w]
        return self.read_grid(ops, p, self.encode(ops, p, images))

    def trunk(self, ops, p, images, stop=None):  # [B, 3, H, W] -> what each of the first `stop` stages gave
        x, seen = self.begin(ops, p, images), []
        for i in range(len(self.stage_depths))[:stop]:
            x = self.stage(ops, p, i, x)
            seen.append(x)
        return tuple(seen)

    def begin(self, ops, p, images):  # [B, 3, H, W] -> what the first stage is given, in the tower's own layout
        raise TypeError(f"{type(self).__name__} defines no begin")

    def stage(self, ops, p, index, x):  # what the stage before it gave -> what this one gives, in the tower's layout
        for i in range(self.stage_depths[index]):
            x = p.child(f"stages.{index}.{i}")(x)
        return x

    def read_grid(self, ops, p, seen):
        return seen.last

    def read_tokens(self, ops, p, seen):  # of a tower whose last map is [B, token_dim, h, w]
        batch, width, rows, columns = seen.last.shape
        return ops.transpose(ops.reshape(seen.last, (batch, width, rows * columns)), (0, 2, 1)), None


class TextTower(Tower):
    """ids int [B, L] -> [B, embed_dim]; L is the context length, or what `length` says of all of them.

    vocab_size: how many ids there are; as many as the tokenizer has. context_length: ids of a text, start and end among
    them; a longer text is cut. embed_dim: the length of what it gives; both towers of a method have the same.

    tokens(ids) -> ([B, L, token_dim], float [B, L]): after the output norm, and 1 up to the end of the text, 0 behind.
    stages(ids) -> (sequence [B, L, D] ...), D as in stage_dims: after equal parts of the blocks.
    end_is_highest: whether it takes the place of the highest id for the end of a text (CLIP); the vocabulary must keep
    to that.
    Every way in takes two more, `(ids, table, end)`. table [V, width]: rows for ids in place of the tower's own (masked
    language modelling adds one for its [MASK]). end int [B]: where the texts end, for ids among which the end of text
    is not to be found.
    """

    end_is_highest = False

    vocab_size: int
    context_length: int
    embed_dim: int

    def encode(self, ops, p, ids, table=None, end=None):  # int [B, L], [V, width], int [B] -> Encoding
        return Encoding(self, ops, p, (ids, table, end), p.trunk(ids, table))

    def length(self, ids: np.ndarray, end: np.ndarray | None = None) -> int:
        """The least L for which ids[:, :L] give what ids [B, context_length] do; a tower that reads its padding needs
        all. end: as in `encode`.
        """
        return ids.shape[1]
