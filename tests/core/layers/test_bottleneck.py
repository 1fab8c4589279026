"""The block of deep ResNets against torchvision's, with a shortcut for a stride, for a width, and without one."""

import pytest
from torch import nn
from torchvision.models.resnet import Bottleneck as Theirs

from tandemclip.core.layers.bottleneck import Bottleneck
from tandemclip.tests.core.layers.beside_torchvision import agree, names
from tandemclip.tests.core.layers.running import array

BLOCKS = {"reduce": ("conv1", "bn1"), "spatial": ("conv2", "bn2"), "expand": ("conv3", "bn3")}
SHORTCUT = {"shortcut": ("downsample.0", "downsample.1")}


@pytest.mark.parametrize("inputs, width, stride", [(8, 2, 1), (4, 2, 1), (8, 2, 2), (4, 4, 2)])
def test_it_is_torchvisions(inputs, width, stride):
    beside = inputs != 4 * width or stride > 1
    shortcut = nn.Sequential(nn.Conv2d(inputs, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))
    theirs = Theirs(inputs, width, stride, shortcut if beside else None)
    named = names(BLOCKS | (SHORTCUT if beside else {}))
    agree(Bottleneck(inputs, width, stride), theirs, named, array("bottleneck", 3, inputs, 6, 8))
