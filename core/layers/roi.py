"""The way in for a sequence of object features (PyramidCLIP 3.3)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tandemclip.core.bounds import Count
from tandemclip.core.layers.linear import Linear
from tandemclip.core.spec import Normal, Parameter, Spec

CORNERS = 4  # normalised x1, y1, x2, y2 behind every object's feature


@dataclass(frozen=True)
class RoiInput:
    """What an image tower that takes ROI sequences is given: part of its configuration.

    dim: the length of an object's feature, as the detector gives it. class_token: the token in front of the sequence is
    the image path's own ("image", as released) or one more parameter ("own", as the paper's text says). Only a ViT has
    one; a ResNet puts the mean token there.
    """

    dim: Count = 2048  # D, the detector's feature
    class_token: Literal["image", "own"] = "image"


@dataclass(frozen=True)
class RoiEmbedding(Spec):
    """[B, n, D + 4] -> [B, n, width], without bias."""

    roi: RoiInput
    width: int

    def children(self):
        inputs = self.roi.dim + CORNERS
        return {"projection": Linear(inputs, self.width, bias=False, weight_initial=Normal(self.width**-0.5))}

    def parameters(self):
        if self.roi.class_token == "image":
            return {}
        return {"class_token": Parameter((self.width,), Normal(self.width**-0.5))}

    def forward(self, ops, p, rois):
        return p.projection(rois)


def in_front(ops, token, rois, mask):
    """token [B, 1, W] put in front of rois [B, n, W], and a 1 in front of their mask [B, n]."""
    always = ops.broadcast_to(ops.constant(np.ones((1, 1), np.float32)), (mask.shape[0], 1))
    return ops.concat((token, rois), 1), ops.concat((always, mask), 1)
