"""MobileNet-V2's block against torchvision's: with and without what is added, with and without a wide part."""

import pytest
from torchvision.models.mobilenetv2 import InvertedResidual as Theirs

from tandemclip.core.layers.inverted_residual import InvertedResidual
from tandemclip.tests.core.layers.beside_torchvision import agree, names
from tandemclip.tests.core.layers.running import array


@pytest.mark.parametrize("inputs, outputs, stride, expansion", [(4, 4, 1, 3), (4, 6, 1, 3), (4, 4, 2, 2), (4, 4, 1, 1)])
def test_it_is_torchvisions(inputs, outputs, stride, expansion):
    wide = {"expand": ("conv.0.0", "conv.0.1")} if expansion > 1 else {}
    place = len(wide)
    blocks = wide | {"spatial": (f"conv.{place}.0", f"conv.{place}.1")}
    blocks |= {"reduce": (f"conv.{place + 1}", f"conv.{place + 2}")}
    spec, theirs = InvertedResidual(inputs, outputs, stride, expansion), Theirs(inputs, outputs, stride, expansion)
    agree(spec, theirs, names(blocks), 3 * array("inverted", 3, inputs, 6, 8))
