"""SimSiam's loss against the fixture, over ranks, and on both engines."""

import mindspore as ms
import numpy as np
import pytest
import torch

from tandemclip.backends.mindspore import ops as mindspore_ops
from tandemclip.backends.torch.ops import TorchOps
from tandemclip.core.objectives.simsiam import simsiam
from tandemclip.core.random import generator

OPS = TorchOps(torch.float64)


@pytest.fixture(scope="module")
def fixture(shared):
    with np.load(shared / "fixtures" / "objectives.npz") as file:
        return {name.removeprefix("simsiam/"): file[name] for name in file if name.startswith("simsiam/")}


def leaves(fixture):
    return {name: torch.tensor(fixture[name], requires_grad=True) for name in ("p1", "p2", "z1", "z2")}


def test_against_plain_loops(fixture):
    x = leaves(fixture)
    found = simsiam(OPS, (x["p1"], x["p2"]), (x["z1"], x["z2"]))
    assert found.item() == pytest.approx(float(fixture["loss"]), rel=1e-12)
    found.backward()
    for name in ("p1", "p2"):
        np.testing.assert_allclose(x[name].grad, fixture[f"grad_{name}"], rtol=1e-10, atol=1e-14)
    assert x["z1"].grad is None and x["z2"].grad is None


def test_parts_of_rows_add_up(fixture):
    x = leaves(fixture)
    part = lambda rows: simsiam(OPS, (x["p1"], x["p2"]), (x["z1"], x["z2"]), rows=rows).item()
    assert sum(part(rows) for rows in ((0, 1), (1, 5), (5, 7))) == pytest.approx(part(None), rel=1e-12)


def test_engines_agree_in_value_and_gradient():
    arrays = [generator("simsiam", i).standard_normal((5, 6)).astype(np.float32) for i in range(4)]
    given = [torch.tensor(x, requires_grad=True) for x in arrays]
    right = simsiam(TorchOps(torch.float32), given[:2], given[2:])
    theirs = torch.autograd.grad(right, given[:2])
    slope = ms.value_and_grad(lambda *x: simsiam(mindspore_ops, x[:2], x[2:]), (0, 1, 2, 3))
    value, ours = slope(*map(ms.Tensor, arrays))
    assert float(value) == pytest.approx(right.item(), rel=1e-5)
    for mine, wanted in zip(ours[:2], theirs):
        np.testing.assert_allclose(mine.asnumpy(), wanted, rtol=1e-4, atol=1e-7)
    assert not ours[2].asnumpy().any() and not ours[3].asnumpy().any()
