"""Which layer each parameter of a tower counts to, written out for every kind of tower."""

import pytest

from tandemclip.core.layers.roi import RoiInput
from tandemclip.core.methods.cross_entropy import CrossEntropy
from tandemclip.core.methods.unicl import UniCL
from tandemclip.core.towers.basic_resnet import BasicResNet
from tandemclip.core.towers.mobilenet import MobileNetV2
from tandemclip.core.towers.modified_resnet import ModifiedResNet
from tandemclip.core.towers.resnet import ResNet
from tandemclip.core.towers.swin import SwinTransformer
from tandemclip.core.towers.text import TextTransformer
from tandemclip.core.towers.text_embedding import TextEmbedding
from tandemclip.core.towers.vit import VisionTransformer
from tandemclip.core.training.layer_decay import layer_rates
from tandemclip.core.training.tuning import Pattern, Tuning
from tandemclip.core.training.update import AdamW

# {tower: its names in front of the first block, its blocks by layer, what stands behind them}
TOWERS = [
    (
        VisionTransformer(32, 16, 8, 3, 2, 6, roi=RoiInput(4)),
        ["class_token", "positions", "patches."],
        ["blocks.0.", "blocks.1.", "blocks.2."],
        ["output_norm.", "projection.", "rois."],
    ),
    (
        SwinTransformer(32, 6, 8, (1, 2, 1), (1, 1, 2), window=2, patch=2),
        ["patches.", "input_norm."],
        [("stages.0.0.", "merges.0."), "stages.1.0.", ("stages.1.1.", "merges.1."), "stages.2.0."],
        ["output_norm.", "projection."],
    ),
    (
        ResNet(32, (1, 2), 6, width=4),
        ["first.", "first_norm."],
        ["stages.0.0.", "stages.1.0.", "stages.1.1."],
        ["projection."],
    ),
    (
        ModifiedResNet(32, (1, 2, 1, 1), 4, 2, 6),
        ["stem.", "stem_norm."],
        ["stages.0.0.", "stages.1.0.", "stages.1.1.", "stages.2.0.", "stages.3.0."],
        ["pool."],
    ),
    (
        ModifiedResNet(32, (1, 1, 1, 1), 4, 2, 6, pool_dim=8),
        ["stem.", "stem_norm."],
        ["stages.0.0.", "stages.1.0.", "stages.2.0.", "stages.3.0."],
        ["pool.", "projection."],
    ),
    (
        BasicResNet(32, (1, 1, 1, 2), 6, 2, width=4),
        ["stem.", "stem_norm."],
        ["stages.0.0.", "stages.1.0.", "stages.2.0.", "stages.3.0.", "stages.3.1."],
        ["pool."],
    ),
    (
        MobileNetV2(32, 6, 1, 4, (4, 4, 4, 4, 4, 4, 4), (1, 1, 1, 1, 1, 1, 1)),
        ["first.", "first_norm."],
        ["stages.0.0.", "stages.0.1.", "stages.1.0.", "stages.2.0.", "stages.2.1.", "stages.3.0.", "stages.3.1."],
        ["pool."],
    ),
    (
        TextTransformer(9, 4, 8, 2, 2, 6),
        ["tokens", "positions"],
        ["blocks.0.", "blocks.1."],
        ["output_norm.", "projection."],
    ),
    (TextEmbedding(9, 6), [], [], ["tokens"]),
]


def expected(stem, blocks, behind):
    """[(beginning of names, layer)]"""
    named = [(each,) if isinstance(each, str) else each for each in blocks]
    inside = [(name, number) for number, names in enumerate(named, 1) for name in names]
    return [*((name, 0) for name in stem), *inside, *((name, len(blocks) + 1) for name in behind)]


@pytest.mark.parametrize("tower, stem, blocks, behind", TOWERS, ids=[type(each[0]).__name__ for each in TOWERS])
def test_every_parameter_counts_to_one_layer(tower, stem, blocks, behind):
    wanted, begun = expected(stem, blocks, behind), set()
    for name, _ in tower.all_parameters():
        layers = [(beginning, layer) for beginning, layer in wanted if name.startswith(beginning)]
        # input_norm of a ViT stands in front of the blocks too, and output_norm behind them
        assert name.startswith("input_norm.") or len(layers) == 1, name
        assert tower.layer(name) == (layers[0][1] if layers else 0), name
        begun |= {beginning for beginning, _ in layers}
    assert begun == {beginning for beginning, _ in wanted}  # nothing of the table was made up


def test_rates_fall_by_the_layer_and_leave_alone_what_lies_in_no_tower():
    """0.75^(n + 1 - layer), in both towers, beside the factors of patterns."""
    vit, text = VisionTransformer(32, 16, 8, 2, 2, 6), TextTransformer(9, 4, 8, 1, 2, 6)
    rates = layer_rates(UniCL(vit, text), 0.75)
    assert rates["image.positions"] == rates["image.patches.weight"] == 0.75**3
    assert rates["image.blocks.0.attention.qkv.weight"] == 0.75**2 and rates["image.projection.weight"] == 1.0
    assert rates["image.blocks.1.attention_norm.bias"] == 0.75 and rates["text.tokens"] == 0.75**2
    assert "logit_scale" not in rates and set(rates.values()) == {1.0, 0.75, 0.75**2, 0.75**3}
    tuning = Tuning((Pattern("image.blocks.1.*", rate=0.1),), layer_decay=0.75)
    found = {name: group for group in tuning.groups(UniCL(vit, text), AdamW(0.1)) for name in group.places}
    assert found["image.blocks.1.attention_norm.bias"].rate == 0.1 * 0.75
    assert {name: group.rate for name, group in found.items() if not name.startswith("image.blocks.1.")} == {
        **{name: rate for name, rate in rates.items() if not name.startswith("image.blocks.1.")}, "logit_scale": 1.0
    }  # fmt: skip
    decays = {name: parameter.decays for name, parameter in UniCL(vit, text).all_parameters()}
    assert all(group.decay == (0.1 if decays[name] else 0.0) for name, group in found.items())


def test_no_decay_changes_no_group():
    method = CrossEntropy(ResNet(32, (1, 2), 6, width=4))
    assert [(g.rate, g.decay) for g in Tuning().groups(method, AdamW(0.1))] == [(1.0, 0.1), (1.0, 0.0)]
