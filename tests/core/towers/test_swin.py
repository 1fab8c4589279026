"""The whole Swin against timm's: an odd window is shifted by 3 of 7, and four neighbours are merged in their order."""

import numpy as np
import pytest
import torch
from timm.models.swin_transformer import SwinTransformer as Timms

from tandemclip.backends.reference.ops import Reference
from tandemclip.core.interop.adapter import under
from tandemclip.core.interop.open_clip import layer
from tandemclip.core.interop.unicl import MERGE, SWIN_BLOCK
from tandemclip.core.random import generator
from tandemclip.core.spec import Run, Scope, initial_weights
from tandemclip.core.towers.swin import SwinTransformer

DEPTHS, HEADS, WIDTH = (2, 2), (2, 4), 8


def timms(window, side):
    """In float64, with weights of which none is a zero or a one."""
    torch.manual_seed(0)
    shape = dict(img_size=2 * side, patch_size=2, window_size=window, embed_dim=WIDTH, depths=DEPTHS, num_heads=HEADS)
    model = Timms(**shape, num_classes=0).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.5 * torch.randn_like(parameter) + (1.0 if parameter.ndim == 1 else 0.0))
    return model


def rows():
    """timm counts a merge to the stage behind it, released code to the one before."""
    found = [*layer("patches", "patch_embed.proj"), *layer("input_norm", "patch_embed.norm")]
    found += layer("output_norm", "norm")
    for i, depth in enumerate(DEPTHS):
        for j in range(depth):
            found += under(f"stages.{i}.{j}", f"layers.{i}.blocks.{j}", SWIN_BLOCK)
        if i:
            found += under(f"merges.{i - 1}", f"layers.{i}", MERGE)
    return found


@pytest.mark.parametrize(
    "window, side", [(7, 14), (3, 6), (4, 8), (7, 28), (8, 8)]
)  # the last: one window, then a smaller one
def test_its_map_is_timms(window, side):
    theirs = timms(window, side)
    state = {name: tensor.numpy() for name, tensor in theirs.state_dict().items()}
    tower = SwinTransformer(2 * side, 5, WIDTH, DEPTHS, HEADS, window, patch=2)
    weights = {row.ours: state[row.theirs] for row in rows()}
    assert weights.keys() == tower.declared().keys() - {"projection.weight"}
    x = generator("swin").standard_normal((2, 3, 2 * side, 2 * side))
    found = Scope(tower, Run(Reference(), weights, False)).encode_grid(x)
    with torch.no_grad():
        wanted = theirs.forward_features(torch.from_numpy(x)).permute(0, 3, 1, 2).numpy()
    assert found.shape == wanted.shape and np.abs(found - wanted).max() < 1e-9


def test_its_biases_start_at_zero_as_timms():
    tower = SwinTransformer(28, 5, WIDTH, DEPTHS, HEADS, 7, patch=2)
    biases = {n: w for n, w in initial_weights(tower, 0).items() if "stages." in n and n.endswith(".bias")}
    assert biases and not any(array.any() for array in biases.values())
