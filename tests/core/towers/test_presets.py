"""The published architectures have the published number of parameters, to the unit."""

import pytest

from tandemclip.core.config import build as config
from tandemclip.core.methods.clip import CLIP
from tandemclip.core.methods.pyramidclip import PyramidCLIP
from tandemclip.core.spec import count_parameters
from tandemclip.core.towers.tower import ImageTower, TextTower


def build(name):
    return config.build(TextTower if "text" in name else ImageTower, name)


@pytest.mark.parametrize(
    "method, image, text, count",
    [
        (CLIP, "ViT-B/32", "CLIP-text-512", 151_277_313),
        (CLIP, "ViT-B/16", "CLIP-text-512", 149_620_737),
        (CLIP, "RN50", "CLIP-text-1024", 102_007_137),
        (PyramidCLIP, "PyramidCLIP-ViT-B/32", "PyramidCLIP-text-512", 153_226_497),
        (PyramidCLIP, "PyramidCLIP-ViT-B/16", "PyramidCLIP-text-512", 151_569_921),
        (PyramidCLIP, "PyramidCLIP-RN50", "PyramidCLIP-text-1024", 106_213_729),
    ],
)
def test_number_of_parameters(method, image, text, count):
    assert count_parameters(method(build(image), build(text))) == count


@pytest.mark.parametrize(
    "name, fields, count",
    [
        ("LightCLIP-ResNet18", {}, 12_509_024),
        ("LightCLIP-ResNet18", {"positions": True}, 12_509_024 + 50 * 512),
        ("LightCLIP-ResNet18", {"stem": "torchvision", "positions": True}, 12_515_392),
        ("LightCLIP-ResNet18", {"stem": "torchvision"}, 12_489_792),
        ("LightCLIP-ResNet18", {"stem": "torchvision", "positions": True, "embed_dim": 512}, 12_252_736),
        ("LightCLIP-MobileNet-V2", {}, 2_448_576),
        ("LightCLIP-MobileNet-V2", {"positions": True}, 2_464_576),
        ("LightCLIP-MobileNet-V2", {"positions": True, "embed_dim": 512}, 2_300_224),
        ("LightCLIP-Swin-Nano", {}, 7_111_242),
        ("LightCLIP-Swin-Nano", {"projection_bias": True}, 7_111_754),
        ("LightCLIP-Swin-Nano", {"heads": [2, 4, 8, 16]}, 7_103_468),
        ("LightCLIP-Swin-Nano", {"depths": [2, 2, 2, 2]}, 5_323_674),
        ("LightCLIP-Swin-Nano", {"embed_dim": 1024}, 7_307_850),
        # Swin's own (timm's, which count a classifier of 1,000), with our projection in its place
        ("LightCLIP-Swin-T", {}, 28_288_354 - 769_000 + 768 * 512),
        ("LightCLIP-Swin-S", {}, 49_606_258 - 769_000 + 768 * 512),
        ("LightCLIP-Swin-B", {}, 87_768_224 - 1_025_000 + 1024 * 512),
    ],
    ids=str,
)
def test_number_of_parameters_of_each_reading_of_lightclip(name, fields, count):
    assert count_parameters(config.build(ImageTower, {"type": name} | fields)) == count


@pytest.mark.parametrize("embed_dim", [512, 1024])
def test_text_towers_of_four_depths(embed_dim):
    names = {4: f"CLIP-text-{embed_dim}-L4", 8: f"LightCLIP-text-{embed_dim}", 12: f"CLIP-text-{embed_dim}"}
    names[16] = f"CLIP-text-{embed_dim}-L16"
    block = 12 * 512**2 + 13 * 512  # q, k, v, output, two of the feed-forward, their biases, two norms
    rest = (49408 + 77 + 2 + embed_dim) * 512
    for layers, name in names.items():
        tower = build(name)
        assert count_parameters(tower) == layers * block + rest and tower.stage_dims == (512,) * 4


def test_what_a_count_does_not_tell():
    assert build("CLIP-text-512").pool == "end" and build("PyramidCLIP-text-512").pool == "max"
    assert build("ViT-B/16").heads == 12 and build("RN50").heads == 32 and build("PyramidCLIP-text-1024").heads == 8
    image = build("PyramidCLIP-ViT-B/32")
    frozen = [name for name, parameter in image.all_parameters() if not parameter.trainable]
    assert frozen == ["patches.weight"] and image.roi.dim == 2048 and image.roi.class_token == "image"
    assert all(parameter.trainable for _, parameter in build("ViT-B/32").all_parameters())
