"""Softened targets (LightCLIP eqs. 4 to 8) against plain double loops, in value and gradient, on every interpreter."""

import math

import mindspore as ms
import numpy as np
import pytest
import torch

from tandemclip.backends.mindspore import ops as mindspore_ops
from tandemclip.backends.reference.ops import Reference
from tandemclip.backends.torch.ops import TorchOps
from tandemclip.core.objectives.infonce import infonce
from tandemclip.core.objectives.targets import Batch, Pairs, Softened
from tandemclip.core.random import generator

SHARES = {"one-hot": (0.0, 0.0), "smoothed": (0.2, 0.0), "importance": (0.0, 0.2), "both": (0.3, 0.5), "all": (0, 1)}
PRESENT = {
    "everybody": [1] * 5,
    "some": [1, 0, 1, 1, 0],
    "two": [0, 1, 0, 1, 0],
    "one": [0, 0, 1, 0, 0],
    "none": [0] * 5,
}
SCALE = 14.3


def unit_rows(seed, count, width=4):
    x = generator("targets", seed).standard_normal((count, width))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def plain_targets(rows, columns, uniform, importance, factor):
    """The targets of a direction, written out: lists of lists."""
    count, targets = len(rows), []
    for i in range(count):
        similar = [sum(a * b for a, b in zip(rows[i], columns[j])) * factor for j in range(count)]
        total = sum(math.exp(similar[j]) for j in range(count) if j != i)
        targets.append([])
        for j in range(count):
            negative = uniform / (count - 1) + importance * math.exp(similar[j]) / total
            targets[i].append(1 - uniform - importance if i == j else negative)
    return targets


def plain(u, v, scale, uniform, importance, scaled, targets=None):
    """Eqs. 4 to 8. targets: those of both directions where they are constants, as for a derivative."""
    count, total = len(u), 0.0
    if count < 2:
        return 0.0
    for k, (rows, columns) in enumerate(((u, v), (v, u))):
        given = targets[k] if targets else plain_targets(rows, columns, uniform, importance, scale if scaled else 1.0)
        for i in range(count):
            logits = [scale * sum(a * b for a, b in zip(rows[i], columns[j])) for j in range(count)]
            norm = math.log(sum(math.exp(x) for x in logits))
            for j in range(count):
                total -= given[i][j] * (logits[j] - norm) / count / 2
    return total


def slopes(u, v, scale, uniform, importance, scaled):
    """Central differences of `plain` by u, v and scale, with its targets held."""
    factor = scale if scaled else 1.0
    held = [plain_targets(a, b, uniform, importance, factor) for a, b in ((u, v), (v, u))] if len(u) > 1 else None
    given, step = [np.array(u), np.array(v), np.array(scale)], 1e-5
    found = [np.zeros_like(x) for x in given]
    for x, slope in zip(given, found):
        for place in np.ndindex(x.shape):
            middle, sides = x[place], []
            for move in (step, -step):
                x[place] = middle + move
                values = given[0].tolist(), given[1].tolist(), float(given[2])
                sides.append(plain(*values, uniform, importance, scaled, held))
            x[place] = middle
            slope[place] = (sides[0] - sides[1]) / (2 * step)
    return found


def kept(x, present):
    return [list(row) for row, there in zip(x, present) if there]


def with_gradients(engine, u, v, shares, scaled, present):
    """(value, gradients by u, v and scale); the shares are arrays of the engine."""
    given = [u, v, np.asarray(SCALE)]
    ops = {"mindspore": mindspore_ops, "torch": TorchOps(torch.float32), "judge": TorchOps(torch.float64)}[engine]
    targets = Softened(*(ops.constant(np.asarray(x, float)) for x in shares), scaled)
    flags = None if present is None else ops.constant(np.asarray(present, float))
    loss = lambda u, v, scale: infonce(ops, u, v, scale, targets=targets, present=flags)
    if engine == "mindspore":
        value, gradients = ms.value_and_grad(loss, (0, 1, 2))(*(ops.constant(x) for x in given))
        return value.asnumpy(), [g.asnumpy() for g in gradients]
    tensors = [ops.constant(x).requires_grad_() for x in given]
    value = loss(*tensors)
    gradients = torch.autograd.grad(value, tensors, allow_unused=True, materialize_grads=True)
    return value.detach().numpy(), [g.numpy() for g in gradients]


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_values_are_those_of_plain_loops(count, shares, scaled):
    u, v = unit_rows(1, count), unit_rows(2, count)
    wanted = plain(u.tolist(), v.tolist(), SCALE, *SHARES[shares], scaled)
    found = infonce(Reference(), u, v, SCALE, targets=Softened(*SHARES[shares], scaled))
    assert float(found) == pytest.approx(wanted, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("shares", ["importance", "both"])
@pytest.mark.parametrize("who", PRESENT)
def test_parts_of_the_rows_add_up_whoever_is_present(who, shares, scaled):
    u, v, present = unit_rows(1, 5), unit_rows(2, 5), np.array(PRESENT[who], float)
    wanted = plain(kept(u, present), kept(v, present), SCALE, *SHARES[shares], scaled)
    for flags in (present, None) if who == "everybody" else (present,):
        whole, *parts = (
            float(
                infonce(Reference(), u, v, SCALE, targets=Softened(*SHARES[shares], scaled), present=flags, rows=rows)
            )
            for rows in (None, (0, 1), (1, 4), (4, 5))
        )
        assert whole == pytest.approx(wanted, rel=1e-12, abs=1e-14)
        assert sum(parts) == pytest.approx(wanted, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("direction", ["i2t", "t2i"])
def test_each_direction_weighs_its_own_negatives(direction):
    """Rows for images, columns for texts: where the similarities are not symmetric, the two differ."""
    u, v = unit_rows(1, 4), unit_rows(2, 4)
    rows, columns = (u, v) if direction == "i2t" else (v, u)
    targets = np.array(plain_targets(rows, columns, 0.0, 0.2, 1.0))
    logits = SCALE * rows @ columns.T
    wanted = -(targets * (logits - np.log(np.exp(logits).sum(1, keepdims=True)))).sum() / 4
    found = infonce(Reference(), u, v, SCALE, targets=Softened(0.0, 0.2), directions=(direction,))
    assert float(found) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("count, who", [(1, None), (2, None), (3, None), (1, [1]), (3, [1, 0, 1]), (3, [0, 1, 0])])
def test_no_gradient_goes_through_the_targets(count, who, scaled):
    """Central differences with the targets held, on both engines; what is absent gets none."""
    u, v, there = unit_rows(1, count), unit_rows(2, count), np.array(who or [1] * count, bool)
    wanted = plain(kept(u, there), kept(v, there), SCALE, *SHARES["both"], scaled)
    slope = slopes(kept(u, there), kept(v, there), SCALE, *SHARES["both"], scaled)
    for engine, near in (("judge", 1e-7), ("torch", 1e-4), ("mindspore", 1e-4)):
        value, gradients = with_gradients(engine, u, v, SHARES["both"], scaled, who)
        assert value.shape == () and value == pytest.approx(wanted, rel=1e-5, abs=1e-7)
        for found, expected in zip(gradients[:2], slope[:2]):
            assert not found[~there].any() and found[there] == pytest.approx(expected, abs=near)
        assert gradients[2] == pytest.approx(slope[2], abs=near)


@pytest.mark.parametrize("rows", [None, (1, 3)])
def test_weights_of_negatives(rows):
    """0 for a row's own pair and for who is absent; of one negative, all."""
    ops, u, v = Reference(), unit_rows(1, 5), unit_rows(2, 5)
    for who in ("everybody", "some", "two"):
        present = np.array(PRESENT[who], float)
        batch = Batch(u, v, SCALE, present, present.sum(), rows)
        own = slice(*(rows or (0, 5)))
        weights = Softened(0.0, 0.2).negative_weights(ops, batch, SCALE * u[own] @ v.T)
        allowed = (~np.eye(5, dtype=bool) & (present > 0))[own]
        assert (weights[allowed] > 0).all() and not weights[~allowed].any()
        assert weights.sum(1) == pytest.approx(1.0)
    assert set(weights[np.arange(5)[own] == 1][0]) == {0.0, 1.0}  # the row of one of the two


@pytest.mark.parametrize("alpha", [0.0, 0.2])
def test_the_first_two_phases_are_the_targets_of_pairs(alpha):
    """To the bit for one-hot, so that a run starts as CLIP does."""
    u, v = (torch.tensor(unit_rows(seed, 7), dtype=torch.float32) for seed in (1, 2))
    loss = lambda targets: infonce(TorchOps(torch.float32), u, v, torch.tensor(SCALE), targets=targets)
    found, wanted = loss(Softened(torch.tensor(alpha), torch.tensor(0.0))), loss(Pairs(alpha))
    assert found == wanted if not alpha else found.item() == pytest.approx(wanted.item(), rel=1e-6)


def test_equal_negatives_are_weighed_evenly():
    """Then importance is smoothing (eq. 6)."""
    u = np.eye(5)
    of = lambda *shares: float(infonce(Reference(), u, u, SCALE, targets=Softened(*shares)))
    assert of(0.0, 0.2) == pytest.approx(of(0.2, 0.0), rel=1e-12)
