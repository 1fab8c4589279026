"""SupCon against plain loops, and NT-Xent where no label is shared, on every engine."""

import math

import mindspore as ms
import numpy as np
import pytest
import torch

from tandemclip.backends.mindspore import ops as mindspore_ops
from tandemclip.backends.reference.ops import Reference
from tandemclip.backends.torch.ops import TorchOps
from tandemclip.core.objectives.supcon import supcon
from tandemclip.core.random import generator


def unit_rows(seed, count=6, width=5):
    x = generator("supcon", seed).standard_normal((count, width))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def plain(views, labels, scale):
    """Eq. 2, written out: lists of vectors."""
    every = [(vector, labels[i]) for view in views for i, vector in enumerate(view.tolist())]
    total = 0.0
    for a, (anchor, label) in enumerate(every):
        logits = {b: scale * sum(x * y for x, y in zip(anchor, other)) for b, (other, _) in enumerate(every) if b != a}
        norm = math.log(sum(math.exp(x) for x in logits.values()))
        positives = [b for b in logits if every[b][1] == label]
        total -= sum(logits[b] - norm for b in positives) / len(positives)
    return total / len(every)


LABELS = {"some": [0, 1, 0, 2, 1, 0], "distinct": [0, 1, 2, 3, 4, 5], "equal": [1] * 6}


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("labels", LABELS)
def test_against_plain_loops(labels, count):
    views, labels = [unit_rows(seed) for seed in range(count)], LABELS[labels]
    given = np.array(labels, np.int32)[:, None]
    wanted = plain(views, labels, 10.0)
    assert float(supcon(Reference(), views, given, 10.0)) == pytest.approx(wanted, rel=1e-12)
    parts = [float(supcon(Reference(), views, given, 10.0, rows=rows)) for rows in ((0, 1), (1, 4), (4, 6))]
    assert sum(parts) == pytest.approx(wanted, rel=1e-12)


def test_with_a_label_each_it_is_ntxent(shared):
    with np.load(shared / "fixtures" / "objectives.npz") as file:
        views = [torch.tensor(file[f"ntxent/view{i}"], requires_grad=True) for i in (1, 2)]
        each = torch.arange(len(views[0]))[:, None]
        rows = [view / view.norm(dim=1, keepdim=True) for view in views]
        found = supcon(TorchOps(torch.float64), rows, each, 1 / float(file["ntxent/temperature"]))
        assert found.item() == pytest.approx(float(file["ntxent/loss"]), rel=1e-12)
        for mine, name in zip(torch.autograd.grad(found, views), ("grad_view1", "grad_view2")):
            np.testing.assert_allclose(mine, file[f"ntxent/{name}"], rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("labels", LABELS)
def test_engines_agree_in_value_and_gradient(labels):
    views, labels = [unit_rows(0), unit_rows(1)], np.array(LABELS[labels], np.int32)[:, None]
    ops = TorchOps(torch.float64)
    tensors = [torch.tensor(view, requires_grad=True) for view in views]
    value = supcon(ops, tensors, ops.constant(labels), 10.0)
    judge = [g.numpy() for g in torch.autograd.grad(value, tensors)]
    loss = lambda *views: supcon(mindspore_ops, views, mindspore_ops.constant(labels), 10.0)
    own, gradients = ms.value_and_grad(loss, (0, 1))(*map(mindspore_ops.constant, views))
    assert float(own) == pytest.approx(value.item(), rel=1e-5)
    assert all(np.abs(g.asnumpy() - j).max() < 1e-4 * np.sqrt(np.mean(j * j)) + 1e-7 for g, j in zip(gradients, judge))
