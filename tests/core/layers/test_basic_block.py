"""The block of shallow ResNets against torchvision's, with a shortcut for a stride, for a width, and without one."""

import pytest
from torch import nn
from torchvision.models.resnet import BasicBlock as Theirs

from tandemclip.core.layers.basic_block import BasicBlock
from tandemclip.tests.core.layers.beside_torchvision import agree, names
from tandemclip.tests.core.layers.running import array

BLOCKS = {"first": ("conv1", "bn1"), "second": ("conv2", "bn2")}
SHORTCUT = {"shortcut": ("downsample.0", "downsample.1")}


@pytest.mark.parametrize("inputs, width, stride", [(4, 4, 1), (4, 6, 1), (4, 4, 2), (4, 8, 2)])
def test_it_is_torchvisions(inputs, width, stride):
    beside = inputs != width or stride > 1
    shortcut = nn.Sequential(nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width))
    theirs = Theirs(inputs, width, stride, shortcut if beside else None)
    named = names(BLOCKS | (SHORTCUT if beside else {}))
    agree(BasicBlock(inputs, width, stride), theirs, named, array("basic", 3, inputs, 6, 8))
