"""A spec as an nn.Module: names, dtype, buffers, and the ordinary tools of torch."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from tandemclip.backends.torch.module import Model
from tandemclip.core.layers.leff import LeFF
from tandemclip.core.layers.linear import Linear
from tandemclip.core.layers.norm import BatchNorm
from tandemclip.core.spec import SCOPE_NAMES, Constant, Normal, Parameter, Spec, initial_weights


def tokens(*shape):
    return torch.as_tensor(np.random.default_rng(0).standard_normal(shape), dtype=torch.float32)


def test_the_state_dict_has_the_names_and_values_of_the_spec():
    spec = LeFF(4, 8)
    weights, state = initial_weights(spec, 3), Model(spec, initial_weights(spec, 3)).state_dict()
    assert set(state) == set(weights)
    assert all((state[name].numpy() == weights[name]).all() for name in weights)


def test_weights_are_copied_not_shared():
    weights = initial_weights(BatchNorm(3), 0)
    model = Model(BatchNorm(3), weights)
    with torch.no_grad():
        model.arrays["weight"].fill_(5.0)
    assert (weights["weight"] == 1).all()


def test_a_training_pass_stores_the_statistics_and_an_inference_reads_them():
    model, x = Model(BatchNorm(3)), tokens(6, 3)
    model.train()(x)
    torch.testing.assert_close(model.state_dict()["mean"], 0.1 * x.mean(0))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    y = model.eval()(x)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    torch.testing.assert_close(y, (x - before["mean"]) / (before["variance"] + 1e-5).sqrt())


def test_load_state_dict_to_and_an_optimiser_reach_the_arrays():
    spec = LeFF(4, 8)
    model = Model(spec, initial_weights(spec, 0))
    model.load_state_dict({n: torch.as_tensor(w) for n, w in initial_weights(spec, 1).items()})
    assert (model.arrays["expand.weight"].detach().numpy() == initial_weights(spec, 1)["expand.weight"]).all()
    model = model.to(torch.float64)
    x = tokens(2, 5, 4).double()
    before = model(x)
    assert before.dtype == torch.float64
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    before.square().sum().backward()
    optimiser.step()
    assert not torch.allclose(model(x), before)


def test_a_model_is_as_deep_as_its_names():
    model = Model(LeFF(4, 8))
    assert set(dict(model.named_modules())) >= {"expand", "expand_norm", "local", "local_norm", "shrink", "shrink_norm"}
    assert model.get_parameter("local.weight").shape == (8, 1, 3, 3)


def test_tensors_that_other_code_puts_in_place_are_the_ones_that_run():
    spec, x = Linear(4, 4), tokens(2, 4)
    model, other = Model(spec), Model(spec, initial_weights(spec, 5))
    wanted = other(x)
    given = {name: tensor.detach() for name, tensor in other.state_dict().items()}
    assert torch.equal(torch.func.functional_call(model, given, (x,)), wanted) and not torch.equal(model(x), wanted)
    model.load_state_dict(given, assign=True)
    assert torch.equal(model(x), wanted)
    model.weight, model.bias = (torch.nn.Parameter(torch.zeros_like(model.get_parameter(n))) for n in given)
    assert not model(x).any()


@dataclass(frozen=True)
class Named(Spec):
    """A parameter and a child of one name each."""

    parameter: str
    child: str

    def parameters(self):
        return {self.parameter: Parameter((3,), Normal(1.0)), "weight": Parameter((3,), Constant(2.0))}

    def children(self):
        return {self.child: Linear(3, 3)}

    def forward(self, ops, p, x):
        return p.child(self.child)(x * p[self.parameter]) * p["weight"]


@pytest.mark.parametrize("name", ["training", "type", "forward", "spec", "arrays", "dtype", "half", "parameters"])
def test_parts_may_be_called_as_attributes_of_modules_are(name):
    x = tokens(2, 3)
    children = [] if name in SCOPE_NAMES else [Named("other", name)]  # a scope would hide such a child
    for spec in (Named(name, "other"), *children):
        weights = initial_weights(spec, 0)
        model = Model(spec, weights).eval().to(torch.float64).to(torch.float32)
        assert not model.training and model.dtype == torch.float32
        assert {n: tuple(t.shape) for n, t in model.state_dict().items()} == {n: w.shape for n, w in weights.items()}
        inner = x.numpy() * weights[spec.parameter]
        wanted = 2 * (inner @ weights[f"{spec.child}.weight"].T + weights[f"{spec.child}.bias"])
        np.testing.assert_allclose(model(x).detach().numpy(), wanted, rtol=1e-5, atol=1e-6)
