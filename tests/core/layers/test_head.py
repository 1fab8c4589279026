"""Heads against torch's modules: values, running statistics over several steps, gradients, and groups of rows."""

import numpy as np
import pytest
import torch
from torch import nn

from tandemclip.core.layers.head import Head
from tandemclip.tests.core.layers.running import array, judge, model, near, random_weights, tensor

SIMCLR, SIMSIAM, PREDICTOR, ONE = Head(6, (5, 5, 3)), Head(6, (4, 4, 4), True), Head(4, (3, 4)), Head(6, (4,))
HEADS = [SIMCLR, SIMSIAM, PREDICTOR, ONE]


def twin(head, weights):
    """The same head of torch's modules, with the same weights and statistics."""
    sizes, layers = (head.inputs, *head.widths), []
    for i, width in enumerate(head.widths):
        layers.append(filled(nn.Linear(sizes[i], width, dtype=torch.float64), weights, f"linears.{i}"))
        last = i + 1 == len(head.widths)
        if head.last_norm or not last:
            layers.append(filled(nn.BatchNorm1d(width, dtype=torch.float64), weights, f"norms.{i}"))
        layers += [] if last else [nn.ReLU()]
    return nn.Sequential(*layers)


@torch.no_grad()
def filled(module, weights, name):
    theirs = {"mean": "running_mean", "variance": "running_var"}
    for key in ("weight", "bias", "mean", "variance"):
        if f"{name}.{key}" in weights:
            getattr(module, theirs.get(key, key)).copy_(tensor(weights[f"{name}.{key}"]))
    return module


def statistics(twin):
    """{our name: theirs} of the running statistics."""
    norms = [m for m in twin if isinstance(m, nn.BatchNorm1d)]
    named = [(f"norms.{i}", m) for i, m in enumerate(norms)]
    return {f"{n}.mean": m.running_mean for n, m in named} | {f"{n}.variance": m.running_var for n, m in named}


@pytest.mark.parametrize("head", HEADS, ids=str)
def test_against_torch_over_several_steps(head):
    weights = random_weights(head)
    theirs = twin(head, weights)
    for step in range(3):
        x = array(step, 7, head.inputs)
        y, updates = judge(head, weights, x)
        near(y, theirs(tensor(x)))
        assert y.shape == (7, head.widths[-1]) and updates.keys() == statistics(theirs).keys()
        weights = weights | updates
        for name, value in statistics(theirs).items():
            near(weights[name], value)


@pytest.mark.parametrize("head", HEADS, ids=str)
def test_gradients(head):
    weights, x = random_weights(head), tensor(array(1, 7, head.inputs), gradient=True)
    ours, cotangent = model(head, weights), tensor(array(2, 7, head.widths[-1]))
    own = [p.requires_grad_() for name, p in ours.arrays.items() if not name.endswith(("mean", "variance"))]
    mine = torch.autograd.grad((ours.scope(True)(x) * cotangent).sum(), [x, *own])
    theirs = twin(head, weights)
    by_name = dict(zip(ours_in_order(head), theirs.parameters()))
    names = [name for name in ours.arrays if not name.endswith(("mean", "variance"))]
    right = torch.autograd.grad((theirs(x) * cotangent).sum(), [x, *(by_name[name] for name in names)])
    largest = max(g.abs().max() for g in right)
    assert all((a - b).abs().max() <= 1e-12 * largest for a, b in zip(mine, right))


def ours_in_order(head):
    """Our names in the order in which torch's modules stand."""
    kinds = [k for i in range(len(head.widths)) for k in ([f"linears.{i}"] + [f"norms.{i}"] * (i < head.norms))]
    return [f"{kind}.{name}" for kind in kinds for name in ("weight", "bias")]


@pytest.mark.parametrize("groups", [1, 2, 3])
def test_groups_are_normalised_each_by_itself(groups):
    """As on so many ranks whose BatchNorms are not synchronised."""
    weights, x = random_weights(SIMSIAM), array(0, 6, 6)
    found = judge(SIMSIAM, weights, x, groups)[0]
    rows = 6 // groups
    parts = [twin(SIMSIAM, weights)(tensor(x[i * rows : (i + 1) * rows])) for i in range(groups)]
    near(found, torch.cat(parts))
    assert groups == 1 or np.abs(found - judge(SIMSIAM, weights, x)[0]).max() > 0.01


def test_at_inference_it_goes_by_running_statistics():
    weights, x = random_weights(SIMCLR), array(0, 4, 6)
    y, updates = judge(SIMCLR, weights, x, training=False)
    near(y, twin(SIMCLR, weights).eval()(tensor(x)))
    assert not updates
