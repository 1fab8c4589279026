"""A spec as an nn.Module: names, dtype, buffers, and the ordinary tools of torch."""

import numpy as np
import torch

from tandemclip.backends.torch.module import Model
from tandemclip.core.layers.leff import LeFF
from tandemclip.core.layers.norm import BatchNorm
from tandemclip.core.spec import initial_weights


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
