"""ResNets against torchvision's own, weights and all."""

import numpy as np
import pytest
import torch
from torchvision.models.resnet import Bottleneck
from torchvision.models.resnet import ResNet as Theirs

from tandemclip import backends
from tandemclip.backends.reference.ops import Reference
from tandemclip.core.config.build import build
from tandemclip.core.interop.torchvision import trunk
from tandemclip.core.layers.stem import max_pool
from tandemclip.core.random import generator
from tandemclip.core.spec import Run, Scope, count_parameters, initial_weights
from tandemclip.core.towers.resnet import ResNet
from tandemclip.core.towers.tower import ImageTower
from tandemclip.core.training.update import AdamW


@pytest.mark.parametrize(
    "preset, depths, count", [("ResNet-50", [3, 4, 6, 3], 25_557_032), ("ResNet-101", [3, 4, 23, 3], 44_549_160)]
)
def test_names_shapes_and_number_of_parameters(preset, depths, count):
    """torchvision counts a classifier of 1,000, we a projection to 512."""
    ours = build(ImageTower, preset)
    assert count_parameters(ours) == count - (2048 * 1000 + 1000) + 2048 * 512
    with torch.device("meta"):
        theirs = {name: tuple(x.shape) for name, x in Theirs(Bottleneck, depths).state_dict().items()}
    theirs = {name: shape for name, shape in theirs.items() if not name.startswith("fc.") and "num_batches" not in name}
    declared = {name: item.shape for name, item in ours.declared().items() if name != "projection.weight"}
    assert {row.ours: theirs.pop(row.theirs) for row in trunk(ours)} == declared and not theirs


@pytest.mark.parametrize("resolution", [32, 64])
@pytest.mark.parametrize("training", [False, True])
def test_the_maps_of_all_stages_are_torchvisions(training, resolution):
    ours = ResNet(resolution, (1, 2, 1, 1), 8, width=64)
    torch.manual_seed(0)
    theirs = Theirs(Bottleneck, ours.layers).double().train(training)
    state = {name: x.numpy().copy() for name, x in theirs.state_dict().items()}
    weights = {row.ours: state[row.theirs] for row in trunk(ours)}
    images = generator("resnet").standard_normal((3, 3, resolution, resolution))
    seen = []
    for layer in (theirs.layer1, theirs.layer2, theirs.layer3, theirs.layer4):
        layer.register_forward_hook(lambda module, given, output: seen.append(output.detach().numpy()))
    theirs(torch.from_numpy(images))
    run = Run(Reference(), weights, training)
    found = Scope(ours, run).encode(images)
    assert len(found.stages) == len(seen) == 4
    assert max(np.abs(own - other).max() for own, other in zip(found.stages, seen)) < 1e-9
    assert np.array_equal(ours.read_grid(run.ops, None, found), found.stages[-1])
    updated = {row.ours: theirs.state_dict()[row.theirs].numpy() for row in trunk(ours)}
    assert training == bool(run.updates) and all(
        np.abs(array - updated[name]).max() < 1e-12 for name, array in run.updates.items()
    )


@pytest.mark.parametrize("size", [(2, 2), (4, 6), (8, 8)])
def test_maxima_are_torchs_with_their_gradient(size):
    ops = backends.load("torch").float64(ResNet(32, (1,), 4), initial_weights(ResNet(32, (1,), 4), 0), AdamW()).ops
    x = torch.from_numpy(generator("pool").standard_normal((2, 3, *size))).requires_grad_()
    ours, theirs = max_pool(ops, x), torch.nn.functional.max_pool2d(x, 3, 2, 1)
    assert torch.equal(ours, theirs)
    cotangent = torch.from_numpy(generator("pool", 1).standard_normal(ours.shape))
    own, other = (torch.autograd.grad(y, x, cotangent)[0] for y in (ours, theirs))
    assert (own - other).abs().max() < 1e-12  # sums of the same in another order


def test_the_tiny_stem_keeps_the_resolution():
    tower = ResNet(32, (1, 1), 8, width=8, stem="tiny")
    run = Run(Reference(), {n: w.astype(float) for n, w in initial_weights(tower, 0).items()}, True)
    assert tower.encode_grid(run.ops, Scope(tower, run), np.zeros((2, 3, 32, 32))).shape == (2, 64, 16, 16)
    assert tower.stride == 32 // 16 and ResNet(64, (1, 1), 8).stride == 8


def test_a_resolution_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="36 is not a multiple of 32"):
        ResNet(36, (1, 1, 1, 1), 8)
