"""A whole tiny CLIP of open_clip's, its vision transformer and its text transformer, with our names for its weights."""

import numpy as np
import open_clip
import pytest
import torch

from tandemclip.backends.reference.ops import Reference
from tandemclip.core.interop import open_clip as names
from tandemclip.core.interop.adapter import convert
from tandemclip.core.methods.clip import CLIP
from tandemclip.core.random import generator
from tandemclip.core.spec import Run, Scope, initial_weights
from tandemclip.core.towers.text import TextTransformer
from tandemclip.core.towers.vit import VisionTransformer

IMAGE = {"image_size": 24, "patch_size": 8, "width": 64, "layers": 2, "head_width": 64}
TEXT = {"context_length": 7, "vocab_size": 11, "width": 64, "heads": 1, "layers": 2}


@pytest.fixture(scope="module")
def theirs():
    torch.manual_seed(0)
    model = open_clip.CLIP(6, IMAGE, TEXT, quick_gelu=True).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.3 * torch.randn_like(parameter) + (1.0 if parameter.ndim == 1 else 0.0))
    return model


def test_both_towers_are_open_clips(theirs):
    image = VisionTransformer(resolution=24, patch=8, width=64, layers=2, heads=1, embed_dim=6)
    text = TextTransformer(vocab_size=11, context_length=7, width=64, layers=2, heads=1, embed_dim=6)
    method = CLIP(image, text)
    state = {name: tensor.numpy() for name, tensor in theirs.state_dict().items()}
    weights = {n: w.astype(float) for n, w in convert(state, names.table(method, state), method).items()}
    scope = Scope(method, Run(Reference(), weights, False))
    pictures = generator("vit").standard_normal((3, 3, 24, 24))
    ids = np.array([[9, 1, 10, 0, 0, 0, 0], [9, 2, 3, 4, 5, 6, 10], [9, 10, 0, 0, 0, 0, 0]], np.int32)
    with torch.no_grad():
        wanted = theirs.encode_image(torch.from_numpy(pictures)), theirs.encode_text(torch.from_numpy(ids).long())
    for found, right in zip((scope.image(pictures), scope.text(ids)), wanted):
        assert np.abs(found - right.numpy()).max() < 1e-5 * np.abs(right.numpy()).max()


def test_tokens_and_positions_start_as_open_clips():
    """width ** -0.5 (openai/CLIP, model.py)."""
    tower = VisionTransformer(resolution=96, patch=8, width=256, layers=1, heads=4, embed_dim=6)
    weights = initial_weights(tower, 0)
    assert all(np.std(weights[name]) == pytest.approx(1 / 16, rel=0.2) for name in ("class_token", "positions"))
