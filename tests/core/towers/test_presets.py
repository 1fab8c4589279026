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


def test_what_a_count_does_not_tell():
    assert build("CLIP-text-512").pool == "end" and build("PyramidCLIP-text-512").pool == "max"
    assert build("ViT-B/16").heads == 12 and build("RN50").heads == 32 and build("PyramidCLIP-text-1024").heads == 8
    image = build("PyramidCLIP-ViT-B/32")
    frozen = [name for name, parameter in image.all_parameters() if not parameter.trainable]
    assert frozen == ["patches.weight"] and image.roi.dim == 2048 and image.roi.class_token == "image"
    assert all(parameter.trainable for _, parameter in build("ViT-B/32").all_parameters())
