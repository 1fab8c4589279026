"""LayerNorm and BatchNorm against torch's modules: values, running statistics, and what happens at the edges."""

from dataclasses import dataclass

import mindspore as ms
import numpy as np
import pytest
import torch
from torch import nn

from tandemclip.backends.mindspore import ops as mindspore_ops
from tandemclip.core.layers.norm import BatchNorm, LayerNorm
from tandemclip.core.spec import Run, Scope, Spec, initial_weights
from tandemclip.tests.core.layers.running import array, judge, model, near, random_weights, tensor


@pytest.mark.parametrize("eps", [1e-5, 0.1])
@pytest.mark.parametrize("shape", [(3, 6), (2, 3, 6), (1, 6)])
def test_layer_norm(shape, eps):
    spec, x = LayerNorm(6, eps), array(1, *shape)
    weights = random_weights(spec)
    theirs = nn.LayerNorm(6, eps, dtype=torch.float64)
    theirs.load_state_dict({name: tensor(w) for name, w in weights.items()})
    near(judge(spec, weights, x)[0], theirs(tensor(x)))


def twin(spec, weights, axes):
    """torch's BatchNorm with the same weights, statistics and constants."""
    make = nn.BatchNorm1d if axes == 2 else nn.BatchNorm2d
    theirs = make(spec.width, spec.eps, spec.momentum, dtype=torch.float64)
    with torch.no_grad():
        theirs.weight.copy_(tensor(weights["weight"]))
        theirs.bias.copy_(tensor(weights["bias"]))
        theirs.running_mean.copy_(tensor(weights["mean"]))
        theirs.running_var.copy_(tensor(weights["variance"]))
    return theirs


@pytest.mark.parametrize("spec", [BatchNorm(4), BatchNorm(4, eps=0.1, momentum=0.3)], ids=str)
@pytest.mark.parametrize("shape", [(6, 4), (2, 4), (3, 4, 5, 2), (1, 4, 2, 1)])
def test_batch_norm_over_several_steps(shape, spec):
    weights = random_weights(spec)
    theirs = twin(spec, weights, len(shape))
    for step in range(3):
        x = array(step, *shape)
        y, updates = judge(spec, weights, x)
        near(y, theirs(tensor(x)))
        weights = weights | updates
        near(weights["mean"], theirs.running_mean)
        near(weights["variance"], theirs.running_var)
    x = array(9, *shape)
    y, updates = judge(spec, weights, x, training=False)
    near(y, theirs.eval()(tensor(x)))
    assert not updates


@pytest.mark.parametrize("shape", [(6, 4), (3, 4, 5, 2)])
def test_gradients_of_batch_norm(shape):
    spec, x, cotangent = BatchNorm(4), array(1, *shape), array(2, *shape)
    weights = random_weights(spec)
    theirs, ours = twin(spec, weights, len(shape)), model(spec, weights)
    a, b = tensor(x, True), tensor(x, True)
    (ours.train()(a) * tensor(cotangent)).sum().backward()
    (theirs(b) * tensor(cotangent)).sum().backward()
    near(a.grad, b.grad, 1e-10)
    near(ours.get_parameter("weight").grad, theirs.weight.grad, 1e-10)
    near(ours.get_parameter("bias").grad, theirs.bias.grad, 1e-10)


def test_a_batch_of_one_row_gives_the_bias_and_finite_statistics():
    spec, x = BatchNorm(4), array(1, 1, 4)
    weights = random_weights(spec)
    y, updates = judge(spec, weights, x)
    near(y, weights["bias"][None])
    near(updates["mean"], 0.9 * weights["mean"] + 0.1 * x[0])
    near(updates["variance"], 0.9 * weights["variance"])
    given = model(spec, weights)
    moved = tensor(x, True)
    given.train()(moved).sum().backward()
    assert np.abs(moved.grad.numpy()).max() < 1e-9
    near(given.state_dict()["variance"], updates["variance"])


@dataclass(frozen=True)
class Twice(Spec):
    """Two passes through one norm in one step, as two crops make through one tower."""

    def children(self):
        return {"norm": BatchNorm(4)}

    def forward(self, ops, p, x, y):
        return p.norm(x), p.norm(y), p.norm["mean"], p.norm["variance"]


def test_the_second_pass_goes_on_from_what_the_first_wrote():
    weights, x, y = random_weights(Twice()), array(1, 6, 4), array(2, 5, 4)
    theirs = twin(BatchNorm(4), {name.removeprefix("norm."): w for name, w in weights.items()}, 2)
    wanted = (theirs(tensor(x)), theirs(tensor(y)), theirs.running_mean, theirs.running_var)
    outputs, updates = judge(Twice(), weights, x, y)
    for got, right in zip(outputs, wanted):
        near(got, right)
    near(updates["norm.mean"], theirs.running_mean)
    ours = model(Twice(), weights)
    for got, right in zip(ours.train()(tensor(x), tensor(y)), wanted):
        near(got, right)
    near(ours.state_dict()["norm.variance"], theirs.running_var)
    arrays = {name: mindspore_ops.constant(w) for name, w in weights.items()}
    run = Run(mindspore_ops, arrays, True)
    for got, right in zip(Scope(Twice(), run)(mindspore_ops.constant(x), mindspore_ops.constant(y)), wanted):
        near(got.asnumpy(), right, 1e-5)
    near(run.updates["norm.variance"].asnumpy(), theirs.running_var, 1e-5)
    assert isinstance(run.updates["norm.mean"], ms.Tensor)


def test_how_a_norm_starts():
    weights = initial_weights(BatchNorm(3, scale_initial=0.0), 0)
    wanted = {"weight": 0.0, "bias": 0.0, "mean": 0.0, "variance": 1.0}
    assert {name: set(array) for name, array in weights.items()} == {name: {value} for name, value in wanted.items()}
    weights = initial_weights(LayerNorm(3), 0)
    assert {name: set(array) for name, array in weights.items()} == {"weight": {1.0}, "bias": {0.0}}
