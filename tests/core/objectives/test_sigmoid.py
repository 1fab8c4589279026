"""The pairwise sigmoid loss against plain loops, in chunks and in rows, in value and in gradient, on every engine."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from tandemclip.backends.recorder.record import record
from tandemclip.backends.reference.ops import Reference
from tandemclip.backends.torch.ops import TorchOps
from tandemclip.core.objectives.sigmoid import sigmoid_pairs, softplus
from tandemclip.core.random import generator
from tandemclip.core.spec import Constant, Parameter, Spec
from tandemclip.tests.parity.interpreters import INTERPRETERS

NAMES = ("u", "v", "scale", "bias")


def inputs_of(count, width=5, scale=6.0, bias=-1.5):
    rng = generator("sigmoid", count)
    unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
    u, v = (unit(rng.standard_normal((count, width))) for _ in range(2))
    return {"u": u, "v": v, "scale": np.array(scale), "bias": np.array(bias)}


def plain(u, v, scale, bias):
    """The paper's sum, written out: numbers alone."""
    total = 0.0
    for i, image in enumerate(u.tolist()):
        for j, text in enumerate(v.tolist()):
            z = 1 if i == j else -1
            logit = float(scale) * sum(x * y for x, y in zip(image, text)) + float(bias)
            total += math.log1p(math.exp(-z * logit))
    return total / len(u)


@pytest.mark.parametrize("chunk", [1, 3, 7, 1024])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_against_plain_loops(count, chunk):
    given = inputs_of(count)
    found = sigmoid_pairs(Reference(), **given, chunk=chunk)
    assert np.shape(found) == () and float(found) == pytest.approx(plain(**given), rel=1e-13)


@pytest.mark.parametrize("cuts", [(0, 7), (0, 1, 7), (0, 2, 4, 6, 7)])
def test_the_parts_of_rows_add_up_to_the_whole(cuts):
    given = inputs_of(7)
    parts = [sigmoid_pairs(Reference(), **given, rows=rows, chunk=3) for rows in zip(cuts, cuts[1:])]
    assert sum(map(float, parts)) == pytest.approx(plain(**given), rel=1e-13)


def gradients_of(function, given):
    arrays = {name: torch.tensor(given[name], requires_grad=True) for name in NAMES}
    return [g.numpy() for g in torch.autograd.grad(function(**arrays), list(arrays.values()))]


def by_torch(u, v, scale, bias):
    """All logits at once, by torch's own functions."""
    sign = 2 * torch.eye(len(u), dtype=u.dtype) - 1
    return -torch.nn.functional.logsigmoid(sign * (scale * u @ v.T + bias)).sum() / len(u)


@pytest.mark.parametrize("rows", [None, [(0, 2), (2, 3), (3, 7)]])
@pytest.mark.parametrize("chunk", [1, 3, 1024])
def test_the_gradient_is_that_of_all_logits_at_once(chunk, rows):
    ops = TorchOps(torch.float64)
    parts = lambda **x: sum(sigmoid_pairs(ops, **x, rows=part, chunk=chunk) for part in rows or [None])
    for mine, right in zip(gradients_of(parts, inputs_of(7)), gradients_of(by_torch, inputs_of(7))):
        np.testing.assert_allclose(mine, right, rtol=1e-12, atol=1e-15)


def test_the_gradient_agrees_with_differences():
    given, rng = inputs_of(5), generator("direction")
    along = {name: rng.standard_normal(np.shape(given[name])) for name in NAMES}
    value = lambda t: plain(**{name: given[name] + t * along[name] for name in NAMES})
    found = gradients_of(lambda **x: sigmoid_pairs(TorchOps(torch.float64), **x, chunk=2), given)
    slope = (value(1e-5) - value(-1e-5)) / 2e-5
    assert sum((g * along[name]).sum() for g, name in zip(found, NAMES)) == pytest.approx(slope, rel=1e-8)


@pytest.mark.parametrize("dtype, limit", [(np.float64, 1e-15), (np.float32, 6e-8)])
def test_softplus_of_any_number(dtype, limit):
    x = np.array([-1e4, -100, -20, -1, -1e-3, 0, 1e-3, 1, 20, 100, 1e4])
    wanted = np.logaddexp(0, x)
    found = softplus(TorchOps(getattr(torch, np.dtype(dtype).name)), torch.tensor(x.astype(dtype))).numpy()
    assert np.all(np.abs(found - wanted) <= limit * (1 + wanted))


def test_what_everybody_is_certain_of_costs_nothing_and_stays_finite():
    u = np.eye(3, dtype=np.float32)
    arrays = [torch.tensor(x, requires_grad=True) for x in (u, u, np.float32(400), np.float32(-200))]
    value = sigmoid_pairs(TorchOps(torch.float32), *arrays)
    gradients = torch.autograd.grad(value, arrays)
    assert value.item() == 0.0 and all(torch.isfinite(g).all() and g.abs().max() < 1e-30 for g in gradients)


@dataclass(frozen=True)
class Learned(Spec):
    def parameters(self):
        return {name: Parameter((), Constant(0.0)) for name in ("scale", "bias")}


@pytest.mark.parametrize("count, rows", [(1, None), (7, None), (7, (2, 5))])
def test_engines_agree_in_value_and_gradient(count, rows):
    given = {name: x.astype(np.float32) for name, x in inputs_of(count).items()}
    weights = {name: given.pop(name) for name in ("scale", "bias")}
    value = lambda ops, p, x: sigmoid_pairs(ops, x["u"], x["v"], p["scale"], p["bias"], rows=rows, chunk=3)
    function = lambda ops, p, x: {"scalar": value(ops, p, x)}
    found = {name: run(Learned(), weights, given, function, True, NAMES) for name, run in INTERPRETERS.items()}
    wanted, gradients = float(found["numpy64"].outputs["scalar"]), found["torch64"].gradients
    for name in ("torch", "mindspore", "mindspore_eager"):
        assert float(found[name].outputs["scalar"]) == pytest.approx(wanted, rel=1e-5)
        for by in NAMES:
            size = np.sqrt(np.mean(gradients[by] ** 2))
            assert np.abs(found[name].gradients[by] - gradients[by]).max() <= 1e-4 * size, (name, by)


def test_logits_never_stand_whole():
    """Of 30 rows by 200 columns, a chunk is 30 by 10; neither an array nor what waits for the backward pass is more."""
    shapes = {"u": (200, 4), "v": (200, 4), "scale": (), "bias": ()}
    value = lambda ops, p, x: {"loss": sigmoid_pairs(ops, **x, rows=(60, 90), chunk=10)}
    program = record(Learned(), {name: (shape, "float32") for name, shape in shapes.items()}, True, value).program
    assert max(math.prod(out.shape) for call in program.calls for out in call.outputs) == 200 * 4
    kept = {}
    arrays = {name: torch.tensor(x, requires_grad=True) for name, x in inputs_of(200).items()}
    keep = lambda x: kept.update({x.data_ptr(): x.numel()}) or x
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        sigmoid_pairs(TorchOps(torch.float64), **arrays, rows=(60, 90), chunk=10)
    assert max(kept.values()) <= 200 * 5
