"""Token alignment against all injections, plain loops (fixtures/objectives.npz), and by hand, on every engine."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pytest
import torch

from tandemclip.backends.reference.ops import Reference
from tandemclip.backends.torch.ops import TorchOps
from tandemclip.core.objectives.token_alignment import NO_TOKEN, costs, match, matched_cost, token_alignment
from tandemclip.core.random import generator
from tandemclip.core.spec import Constant, Parameter, Spec
from tandemclip.tests.parity.interpreters import INTERPRETERS

LARGEST = 6  # of either number of tokens
SEEDS = 20
BY = ("image", "text")


# ------------------------------------------------------------------ the matching
def cheapest(cost):  # [l1, l2] -> (what the best of all injections costs, its pairs)
    """Every way to give each of the scarcer tokens one of the others, written out."""
    if cost.shape[0] > cost.shape[1]:
        total, pairs = cheapest(cost.T)
        return total, sorted((i, j) for j, i in pairs)
    ways = np.array(list(permutations(range(cost.shape[1]), cost.shape[0])), int)
    totals = cost[np.arange(cost.shape[0]), ways].sum(1)
    best = totals.argmin()
    return totals[best], list(enumerate(ways[best].tolist()))


def pairs_of(found, sample):
    """The pairs of one sample, and an assertion that the rest is filled up with zeros."""
    number = int(found["matched"][sample].sum())
    assert found["matched"][sample].tolist() == [1.0] * number + [0.0] * (len(found["matched"][sample]) - number)
    assert not found["image"][sample, number:].any() and not found["text"][sample, number:].any()
    return list(zip(found["image"][sample, :number].tolist(), found["text"][sample, :number].tolist()))


def test_of_how_many_ways_the_best_is_chosen():
    assert cheapest(np.array([[0.0, 1.0], [1.0, 3.0]])) == (2.0, [(0, 1), (1, 0)])
    assert cheapest(np.array([[3.0], [1.0]])) == (1.0, [(1, 0)])


@pytest.mark.parametrize("l2", range(1, LARGEST + 1))
@pytest.mark.parametrize("l1", range(1, LARGEST + 1))
def test_matching_is_the_best_of_all_injections(l1, l2):
    """Columns without a token stand anywhere, and there may be no token at all."""
    rng = generator("matching", l1, l2)
    cost = rng.uniform(0, 2, (SEEDS, l1, l2))
    there = rng.random((SEEDS, l2)) < np.linspace(0.2, 1.2, SEEDS)[:, None]
    there[0] = False
    found = match(np.where(there[:, None], cost, NO_TOKEN))
    assert {n: (x.shape, x.dtype) for n, x in found.items()} == {
        "image": ((SEEDS, min(l1, l2)), np.int32),
        "text": ((SEEDS, min(l1, l2)), np.int32),
        "matched": ((SEEDS, min(l1, l2)), np.float32),
    }
    totals = matched_cost(cost, found)
    for sample in range(SEEDS):
        columns = np.flatnonzero(there[sample])
        total, best = cheapest(cost[sample][:, columns])
        assert pairs_of(found, sample) == [(i, columns[j]) for i, j in best]
        assert totals[sample] == pytest.approx(total, rel=1e-12)


def test_among_equal_costs_any_best_is_right():
    cost = generator("ties").integers(0, 3, (200, 5, 4)) / 2
    totals = matched_cost(cost, match(cost))
    assert totals.tolist() == [cheapest(each)[0] for each in cost]


@pytest.mark.parametrize("l1, l2", [(5, 3), (3, 5), (4, 4), (1, 1)])
@pytest.mark.parametrize("side", BY)
def test_what_is_no_number_is_matched_and_so_the_loss_is_none(side, l1, l2):
    """The token could be passed over where its side has more tokens, and the loss would hide it."""
    given = tokens(2, l1, l2)
    given[side][1, -1, 0] = np.nan
    ops, mask = Reference(), np.ones((2, l2))
    with np.errstate(invalid="ignore"):
        cost = costs(ops, *unit(given), mask)
        each = token_alignment(ops, *unit(given), match(cost))
        assert np.isnan(matched_cost(cost, match(cost))).tolist() == [False, True]
    assert np.isnan(each).tolist() == [False, True]


# ------------------------------------------------------------------ the loss
def tokens(batch, l1, l2, width=5):
    rng = generator("tokens", batch, l1, l2)
    return {name: rng.standard_normal((batch, size, width)) for name, size in (("image", l1), ("text", l2))}


def unit(given):
    return [x / np.linalg.norm(x, axis=2, keepdims=True) for x in (given["image"], given["text"])]


# Unit rows. The cheapest pair, (0, 0) at 0.04, is not among the two that cost least together, 0.2 each.
HAND = [[[1.0, 0.0], [0.6, 0.8], [0.0, -1.0]]], [[[0.96, 0.28], [0.8, -0.6]]]
HAND_COSTS = [[0.04, 0.2], [0.2, 1.0], [1.28, 0.4]]


@pytest.mark.parametrize("padding", [0, 2])
@pytest.mark.parametrize("divisor, wanted", [("matched", 0.2), ("image_tokens", 0.4 / 3)])
def test_three_tokens_and_two_by_hand(divisor, wanted, padding):
    ops, (image, text) = Reference(), map(np.array, HAND)
    text = np.concatenate([text, np.broadcast_to(image[:, :1], (1, padding, 2))], 1)  # a perfect partner, if it counted
    mask = np.array([[1.0] * 2 + [0.0] * padding])
    cost = costs(ops, image, text, mask)
    np.testing.assert_allclose(cost[0, :, :2], HAND_COSTS, rtol=0, atol=1e-15)
    assert (cost[0, :, 2:] == NO_TOKEN).all()
    pairs = match(cost)
    assert pairs_of(pairs, 0) == [(0, 1), (1, 0)]
    assert token_alignment(ops, image, text, pairs, divisor) == pytest.approx([wanted], rel=0, abs=1e-15)


def test_divisors_differ_only_where_a_text_is_shorter_than_the_picture():
    given, ops = tokens(3, 4, 6), Reference()
    image, text = unit(given)
    lengths = (2, 4, 6)
    pairs = match(costs(ops, image, text, (np.arange(6) < np.array(lengths)[:, None]).astype(float)))
    one, other = (token_alignment(ops, image, text, pairs, divisor) for divisor in ("matched", "image_tokens"))
    np.testing.assert_allclose(other, one * [2 / 4, 1, 1], rtol=1e-14)


def loss_in_torch(given, mask, divisor="matched"):
    """Each sample's loss, the costs, and the gradient of the sum of losses and costs, in float64."""
    ops = TorchOps(torch.float64)
    leaves = [torch.tensor(given[name], requires_grad=True) for name in BY]
    image, text = (ops.l2_normalize(x, 1e-12) for x in leaves)
    cost = costs(ops, image, text, torch.tensor(mask))
    pairs = {n: torch.tensor(x) for n, x in match(cost.numpy()).items()}
    each = token_alignment(ops, image, text, pairs | {"matched": pairs["matched"].double()}, divisor)
    gradients = torch.autograd.grad(each.sum() + cost.sum(), leaves)
    return each.detach().numpy(), cost, dict(zip(BY, (g.numpy() for g in gradients)))


LENGTHS = (4, 0, 1, 3)


@pytest.mark.parametrize("l1", [1, 3, 6])
@pytest.mark.parametrize("divisor", ["matched", "image_tokens"])
def test_the_gradient_agrees_with_differences(l1, divisor):
    """Of the loss alone: through the costs goes none. A text without tokens costs nothing, and pulls at nothing."""
    given, mask = tokens(4, l1, 4), (np.arange(4) < np.array(LENGTHS)[:, None]).astype(float)
    each, cost, gradients = loss_in_torch(given, mask, divisor=divisor)
    assert not cost.requires_grad
    assert each[1] == 0 and not gradients["image"][1].any() and not gradients["text"][1].any()
    assert (each[[0, 2, 3]] > 0).all() and all(gradients["image"][i].any() for i in (0, 2, 3))
    rng = generator("direction")
    along = {name: rng.standard_normal(given[name].shape) for name in BY}
    moved = lambda t: {name: given[name] + t * along[name] for name in BY}
    ends = [loss_in_torch(moved(t), mask, divisor=divisor)[0].sum() for t in (1e-6, -1e-6)]
    slope = sum((gradients[name] * along[name]).sum() for name in BY)
    assert slope == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-7)


# ------------------------------------------------------------------ every engine
@dataclass(frozen=True)
class Tokens(Spec):
    """Tokens as they are, before they have unit length, stand for what the towers gave."""

    batch: int
    l1: int
    l2: int
    width: int = 5

    def parameters(self):
        sizes = {"image": self.l1, "text": self.l2}
        return {n: Parameter((self.batch, size, self.width), Constant(0.0)) for n, size in sizes.items()}


def alignment(ops, p, x):
    """A sum in which each sample weighs something else; the costs are in it, and no gradient is to go through them."""
    image, text = (ops.l2_normalize(p[name], 1e-12) for name in BY)
    cost = costs(ops, image, text, x["mask"])
    pairs = {name.removeprefix("chosen:"): array for name, array in x.items() if name.startswith("chosen:")}
    each = token_alignment(ops, image, text, pairs)
    scalar = ops.sum(each * x["weight"], 0) + ops.sum(cost, (0, 1, 2))
    return {"scalar": scalar, "each": each, "cost": cost}


def run_everywhere(given, lengths, weight):
    """{engine: what it gave} in float32, with the matching of the float64 costs."""
    spec = Tokens(*given["image"].shape[:2], *given["text"].shape[1:])
    mask = (np.arange(spec.l2) < np.array(lengths)[:, None]).astype(float)
    chosen = match(costs(Reference(), *unit(given), mask))
    inputs = {"mask": mask, "weight": np.asarray(weight)} | {f"chosen:{n}": x for n, x in chosen.items()}
    single = lambda arrays: {n: x.astype(np.float32) if x.dtype.kind == "f" else x for n, x in arrays.items()}
    weights, inputs = single(given), single(inputs)
    return {name: run(spec, weights, inputs, alignment, True, BY) for name, run in INTERPRETERS.items()}


@pytest.mark.parametrize("l1, l2, lengths", [(3, 4, LENGTHS), (1, 1, (1, 0))])
def test_engines_agree_in_value_and_gradient(l1, l2, lengths):
    found = run_everywhere(tokens(len(lengths), l1, l2), lengths, np.arange(1.0, len(lengths) + 1))
    wanted, gradients = found["numpy64"].outputs, found["torch64"].gradients
    np.testing.assert_allclose(found["torch64"].outputs["each"], wanted["each"], rtol=1e-12)
    for name in ("torch", "mindspore", "mindspore_eager"):
        for output in ("each", "cost", "scalar"):
            np.testing.assert_allclose(found[name].outputs[output], wanted[output], rtol=1e-5, atol=1e-6)
        for by in BY:
            np.testing.assert_allclose(found[name].gradients[by], gradients[by], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["matching", "matching_long_text"])
def test_every_engine_gives_what_plain_loops_do(shared, name):
    """In fixtures/objectives.npz: pairs by trying all injections, losses and derivatives by loops."""
    with np.load(shared / "fixtures" / "objectives.npz") as file:
        kept = {key.removeprefix(f"{name}/"): file[key] for key in file.files if key.startswith(f"{name}/")}
    given = {"image": kept["image_tokens"], "text": kept["text_tokens"]}
    mask = (np.arange(given["text"].shape[1]) < kept["text_lengths"][:, None]).astype(float)
    each, cost, gradients = loss_in_torch(given, mask)
    pairs = match(cost.numpy())
    for sample, wanted in enumerate(kept["pairs"].tolist()):
        assert pairs_of(pairs, sample) == [tuple(pair) for pair in wanted if pair[0] >= 0]
    np.testing.assert_allclose(each, kept["per_sample"], rtol=1e-12)
    assert each.mean() == pytest.approx(kept["loss"], rel=1e-12)
    for by in BY:
        np.testing.assert_allclose(gradients[by] / 3, kept[f"grad_{by}_tokens"], rtol=1e-11, atol=1e-14)
    for engine, found in run_everywhere(given, kept["text_lengths"], np.full(3, 1 / 3)).items():
        np.testing.assert_allclose(found.outputs["each"], kept["per_sample"], rtol=1e-5)
        assert found.gradients.keys() == (set() if engine == "numpy64" else set(BY))
        for by, gradient in found.gradients.items():
            np.testing.assert_allclose(gradient, kept[f"grad_{by}_tokens"], rtol=1e-4, atol=1e-5)
