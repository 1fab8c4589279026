"""The plain form of the vision transformer against timm's, whose form SLIP takes."""

import numpy as np
import pytest
import torch

from tandemclip.core.config.build import build
from tandemclip.core.spec import initial_weights
from tandemclip.core.towers.tower import ImageTower
from tandemclip.core.towers.vit import VisionTransformer
from tandemclip.tests.core.layers.running import array, judge, near, random_weights

SIZES = {"resolution": 16, "patch": 4, "width": 12, "layers": 2, "heads": 3, "embed_dim": 5}
FORM = {"activation": "gelu", "eps": 1e-6, "input_norm": False, "patch_bias": True, "initial": "0.02"}


def timm_s(tower, weights):
    """timm's class with our weights; it gives what stands in front of our projection."""
    from timm.models.vision_transformer import VisionTransformer as Theirs

    theirs = Theirs(16, 4, num_classes=0, embed_dim=12, depth=2, num_heads=3, class_token=True).double().eval()
    names = {"attention_norm": "norm1", "attention.qkv": "attn.qkv", "attention.output": "attn.proj"}
    names |= {"feed_forward_norm": "norm2", "feed_forward.expand": "mlp.fc1", "feed_forward.shrink": "mlp.fc2"}
    names |= {"patches": "patch_embed.proj", "output_norm": "norm"}
    state = {"cls_token": weights["class_token"][None, None], "pos_embed": weights["positions"][None]}
    for name, value in weights.items():
        for ours, other in names.items():
            if f"{ours}." in name and not name.startswith("projection"):
                state[name.replace(f"{ours}.", f"{other}.")] = value
    theirs.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    return theirs


def test_without_input_norm_it_is_timm_s():
    tower = VisionTransformer(**SIZES, **FORM)
    weights = {name: x / 4 for name, x in random_weights(tower).items()}
    images = array(0, 3, 3, 16, 16)
    found = judge(tower, weights, images, method="features")[0]
    near(found, timm_s(tower, weights)(torch.tensor(images)), 1e-10)


@pytest.mark.parametrize("name, width", [("SLIP-ViT-S/16", 384), ("SLIP-ViT-B/16", 768)])
def test_the_presets_are_of_that_form(name, width):
    tower = build(ImageTower, name)
    assert {field: getattr(tower, field) for field in FORM} == FORM
    assert (tower.patch, tower.width, tower.heads, tower.layers, tower.embed_dim) == (16, width, 12, 12, 512)


def test_it_begins_as_timm_s_does():
    weights = initial_weights(VisionTransformer(**SIZES | {"width": 96}, **FORM), 0)
    for name in ("blocks.0.attention.qkv", "blocks.1.attention.output", "blocks.0.feed_forward.expand"):
        assert np.std(weights[f"{name}.weight"]) == pytest.approx(0.02, rel=0.05) and not weights[f"{name}.bias"].any()
    assert np.std(weights["positions"]) == pytest.approx(0.02, rel=0.1)


def test_leff_has_no_other_beginning():
    with pytest.raises(ValueError, match="leff_depth is 1"):
        VisionTransformer(**SIZES, initial="0.02", leff_depth=1)


def test_clip_s_form_has_a_norm_in_front_of_the_blocks_and_no_bias_of_patches():
    clip, plain = (dict(VisionTransformer(**SIZES, **form).all_parameters()).keys() for form in ({}, FORM))
    assert clip - plain == {"input_norm.weight", "input_norm.bias"} and plain - clip == {"patches.bias"}
    tower = VisionTransformer(**SIZES)
    weights, images = random_weights(tower), array(0, 1, 3, 16, 16)
    other = weights | {"input_norm.weight": weights["input_norm.weight"] * 2}
    found = [judge(tower, w, images, method="features")[0] for w in (weights, other)]
    assert np.abs(found[0] - found[1]).max() > 1e-3
