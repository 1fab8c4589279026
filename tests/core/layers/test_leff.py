"""LeFF against the same layer written with torch's modules, token by token where they are gathered into an image."""

import numpy as np
import pytest
import torch
from torch import nn

from tandemclip.core.layers.leff import LeFF
from tandemclip.tests.core.layers.running import array, judge, model, near, random_weights, tensor

WIDTH, HIDDEN = 4, 6
QUICK = lambda x: x * torch.sigmoid(1.702 * x)


class Plain(nn.Module):
    """Linear, BatchNorm, activation; 3 x 3 depth-wise, BatchNorm, activation; linear, BatchNorm, activation."""

    def __init__(self, weights, activation):
        super().__init__()
        self.expand, self.shrink = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)
        self.local = nn.Conv2d(HIDDEN, HIDDEN, 3, padding=1, groups=HIDDEN, bias=False)
        self.expand_norm, self.shrink_norm = nn.BatchNorm1d(HIDDEN), nn.BatchNorm1d(WIDTH)
        self.local_norm = nn.BatchNorm2d(HIDDEN)
        self.activation = activation
        self.double()
        rename = lambda name: name.replace(".mean", ".running_mean").replace(".variance", ".running_var")
        state = {rename(name): tensor(w) for name, w in weights.items()}
        missing, unexpected = self.load_state_dict(state, strict=False)
        assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing)

    def forward(self, x):
        batch, count, _ = x.shape
        side = int(np.sqrt(count - 1))
        act, image = self.activation, torch.empty(batch, HIDDEN, side, side, dtype=x.dtype)
        rows = act(self.expand_norm(self.expand(x[:, 1:].flatten(0, 1)))).unflatten(0, (batch, count - 1))
        for row in range(side):
            for column in range(side):
                image[:, :, row, column] = rows[:, row * side + column]
        image = act(self.local_norm(self.local(image)))
        tokens = torch.stack([image[:, :, i // side, i % side] for i in range(side * side)], 1)
        tokens = act(self.shrink_norm(self.shrink(tokens.flatten(0, 1)))).unflatten(0, (batch, count - 1))
        return torch.cat([x[:, :1], tokens], 1)


@pytest.mark.parametrize("activation, theirs", [("quick_gelu", QUICK), ("gelu", nn.functional.gelu)])
@pytest.mark.parametrize("batch, side", [(3, 4), (1, 3), (4, 1)])
def test_leff(batch, side, activation, theirs):
    spec = LeFF(WIDTH, HIDDEN, activation)
    weights = random_weights(spec)
    plain, ours = Plain(weights, theirs), model(spec, weights)
    for step in range(2):
        x, cotangent = (array(step + seed, batch, 1 + side * side, WIDTH) for seed in (0, 10))
        wanted = plain(tensor(x))
        got, updates = judge(spec, weights, x)
        near(got, wanted, 1e-10)
        weights = weights | updates
        for end, other in (("mean", "running_mean"), ("variance", "running_var")):
            for norm in ("expand_norm", "local_norm", "shrink_norm"):
                near(updates[f"{norm}.{end}"], getattr(getattr(plain, norm), other), 1e-10)
        plain.zero_grad()
        ours.zero_grad()
        (wanted * tensor(cotangent)).sum().backward()
        (ours.train()(tensor(x)) * tensor(cotangent)).sum().backward()
        for name, parameter in ours.named_parameters():
            right = plain.get_parameter(name).grad
            if name in ("expand.bias", "shrink.bias"):  # zero in theory: a BatchNorm takes the mean away
                assert max(np.abs(parameter.grad).max(), np.abs(right).max()) < 1e-9
            else:
                near(parameter.grad, right, 1e-8)
    x = array(20, batch, 1 + side * side, WIDTH)
    near(judge(spec, weights, x, training=False)[0], plain.eval()(tensor(x)), 1e-10)


def test_the_class_token_goes_round_it():
    spec, x = LeFF(WIDTH, HIDDEN), array(1, 2, 10, WIDTH)
    weights = random_weights(spec)
    y = judge(spec, weights, x)[0]
    assert (y[:, 0] == x[:, 0]).all()
    other = x.copy()
    other[:, 0] = 7.0
    assert (judge(spec, weights, other)[0][:, 1:] == y[:, 1:]).all()


def test_a_patch_reaches_its_neighbours_only():
    spec, x = LeFF(WIDTH, HIDDEN), array(1, 1, 26, WIDTH)
    weights = random_weights(spec)
    other = x.copy()
    other[0, 1 + 2 * 5 + 1] += 1.0  # row 2, column 1 of 5 x 5
    changed = (judge(spec, weights, other, training=False)[0] != judge(spec, weights, x, training=False)[0]).any(-1)
    touched = {((i - 1) // 5, (i - 1) % 5) for i in np.flatnonzero(changed[0])}
    assert touched == {(row, column) for row in (1, 2, 3) for column in (0, 1, 2)}


def test_tokens_that_are_no_square_are_refused():
    spec = LeFF(WIDTH, HIDDEN)
    with pytest.raises(ValueError):
        judge(spec, random_weights(spec), array(1, 2, 8, WIDTH))
