"""Linear maps and convolutions against torch's modules, their initial weights included."""

import numpy as np
import pytest
import torch
from torch import nn

from tandemclip.core.layers.convolution import Convolution
from tandemclip.core.layers.linear import Linear
from tandemclip.core.spec import Constant, Normal, initial_weights
from tandemclip.tests.core.layers.running import array, judge, near, random_weights, tensor


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(3, 5), (2, 3, 5), (5,)])
def test_linear(bias, shape):
    spec, x = Linear(5, 4, bias), array(1, *shape)
    weights = random_weights(spec)
    assert set(weights) == ({"weight", "bias"} if bias else {"weight"})
    theirs = nn.Linear(5, 4, bias, dtype=torch.float64)
    theirs.load_state_dict({name: tensor(w) for name, w in weights.items()})
    near(judge(spec, weights, x)[0], theirs(tensor(x)))


@pytest.mark.parametrize(
    "kernel, stride, groups, size", [(3, 1, 1, 6), (3, 2, 1, 6), (3, 2, 1, 5), (1, 1, 1, 4), (3, 1, 4, 1)]
)
def test_convolution(kernel, stride, groups, size):
    spec, x = Convolution(4, 4 if groups > 1 else 6, kernel, stride, groups), array(2, 2, 4, size, size)
    weights = random_weights(spec)
    theirs = nn.Conv2d(4, spec.outputs, kernel, stride, kernel // 2, groups=groups, bias=False, dtype=torch.float64)
    theirs.load_state_dict({"weight": tensor(weights["weight"])})
    near(judge(spec, weights, x)[0], theirs(tensor(x)))


@pytest.mark.parametrize(
    "spec, theirs",
    [
        (Linear(64, 512), nn.Linear(64, 512)),
        (Convolution(16, 64, 3), nn.Conv2d(16, 64, 3, bias=False)),
        (Convolution(256, 256, 3, groups=256), nn.Conv2d(256, 256, 3, groups=256, bias=False)),
    ],
    ids=["linear", "convolution", "depth-wise"],
)
def test_weights_start_distributed_as_those_of_torch(spec, theirs):
    own = initial_weights(spec, 0)
    for name, other in theirs.state_dict().items():
        a, b = np.sort(own[name].reshape(-1)), np.sort(other.numpy().reshape(-1))
        assert np.abs(a - b).max() < 0.2 * np.abs(b).max()  # quantile against quantile


def test_the_initialiser_is_a_field():
    weights = initial_weights(Linear(50, 400, weight_initial=Normal(0.02), bias_initial=Constant(0.5)), 0)
    assert abs(weights["weight"].std() - 0.02) < 5e-4 and (weights["bias"] == 0.5).all()
