"""Masked language modelling against plain loops, in chunks and whole, in value and in gradient, on every engine."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from tandemclip.backends.recorder.record import record
from tandemclip.backends.reference.ops import Reference
from tandemclip.backends.torch.ops import TorchOps
from tandemclip.core.objectives.cross_entropy import mean
from tandemclip.core.objectives.masked_language import masked_language
from tandemclip.core.precision import mixed
from tandemclip.core.random import generator
from tandemclip.core.spec import Constant, Parameter, Spec
from tandemclip.tests.parity.interpreters import INTERPRETERS

BATCH, LENGTH, WIDTH, WORDS, COUNT = 4, 6, 5, 9, 3
NUMBERS = {"some": (2, 0, 3, 1), "none": (0, 0, 0, 0), "all": (3, 3, 3, 3)}
FLOATS = ("tokens", "weight", "bias")


def inputs_of(numbers, seed=0):
    rng = generator("masked language", seed)
    shapes = {"tokens": (BATCH, LENGTH, WIDTH), "weight": (WORDS, WIDTH), "bias": (WORDS,)}
    found = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    places, targets = np.zeros((BATCH, COUNT), np.int32), np.zeros((BATCH, COUNT), np.int32)
    for row, number in enumerate(NUMBERS[numbers]):
        places[row, :number] = np.sort(rng.choice(LENGTH, number, replace=False))
        targets[row, :number] = rng.integers(0, WORDS, number)
    chosen = (np.arange(COUNT) < np.array(NUMBERS[numbers])[:, None]).astype(float)
    return found | {"places": places, "targets": targets, "chosen": chosen}


def run(ops, given, **options):
    names = ("tokens", "places", "targets", "chosen", "weight", "bias")
    return masked_language(ops, *(given[name] for name in names), **options)


def plain(given, numbers, per_sample):
    """Eq. 14, written out: lists of numbers."""
    sums = []
    for row, number in enumerate(NUMBERS[numbers]):
        losses = []
        for k in range(number):
            vector = given["tokens"][row, given["places"][row, k]].tolist()
            logits = [
                sum(x * w for x, w in zip(vector, line)) + b
                for line, b in zip(given["weight"].tolist(), given["bias"].tolist())
            ]
            losses.append(math.log(sum(map(math.exp, logits))) - logits[given["targets"][row, k]])
        sums.append(losses)
    if per_sample:
        return sum(sum(x) / len(x) for x in sums if x), sum(1 for x in sums if x)
    return sum(map(sum, sums)), sum(map(len, sums))


@pytest.mark.parametrize("chunk", [1, 5, 12, 1024])
@pytest.mark.parametrize("per_sample", [False, True])
@pytest.mark.parametrize("numbers", NUMBERS)
def test_against_plain_loops(numbers, per_sample, chunk):
    given = inputs_of(numbers)
    total, count = run(Reference(), given, per_sample=per_sample, chunk=chunk)
    wanted = plain(given, numbers, per_sample)
    assert total.shape == count.shape == ()
    assert (float(total), float(count)) == pytest.approx(wanted, rel=1e-12, abs=1e-15)
    found = float(mean(Reference(), total, count))
    assert found == pytest.approx(wanted[0] / max(wanted[1], 1), rel=1e-12, abs=1e-15)


def gradients_of(function, given):
    ops = TorchOps(torch.float64)
    arrays = {name: ops.constant(x) for name, x in given.items()}
    by = [arrays[name].requires_grad_() for name in FLOATS]
    return [g.numpy() for g in torch.autograd.grad(function(ops, arrays), by)]


def by_torch(ops, given):
    """The mean over chosen words by torch's own functions, all logits at once."""
    at = given["places"].long()[..., None].expand(-1, -1, WIDTH)
    logits = given["tokens"].gather(1, at) @ given["weight"].T + given["bias"]
    losses = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), given["targets"].long().flatten(), reduction="none"
    )
    return (losses * given["chosen"].flatten()).sum() / given["chosen"].sum().clamp(min=1)


@pytest.mark.parametrize("chunk", [1, 5, 12, 1024])
@pytest.mark.parametrize("numbers", NUMBERS)
def test_the_gradient_is_that_of_all_logits_at_once(numbers, chunk):
    given = inputs_of(numbers)
    ours = gradients_of(lambda ops, x: mean(ops, *run(ops, x, chunk=chunk)), given)
    for mine, right in zip(ours, gradients_of(by_torch, given)):
        np.testing.assert_allclose(mine, right, rtol=1e-11, atol=1e-15)
        assert numbers != "none" or not mine.any()


@pytest.mark.parametrize("per_sample", [False, True])
def test_the_gradient_agrees_with_differences(per_sample):
    given, rng = inputs_of("some"), generator("direction")
    along = {name: rng.standard_normal(given[name].shape) for name in FLOATS}
    value = lambda t: float(
        mean(
            Reference(),
            *run(Reference(), given | {n: given[n] + t * d for n, d in along.items()}, per_sample=per_sample),
        )
    )
    slope = (value(1e-5) - value(-1e-5)) / 2e-5
    found = gradients_of(lambda ops, x: mean(ops, *run(ops, x, per_sample=per_sample, chunk=5)), given)
    assert sum((g * along[n]).sum() for g, n in zip(found, FLOATS)) == pytest.approx(slope, rel=1e-8)


@pytest.mark.parametrize("per_sample", [False, True])
def test_pieces_add_up_to_the_batch(per_sample):
    given = inputs_of("some")
    batched = ("tokens", "places", "targets", "chosen")
    piece = lambda rows: given | {name: given[name][rows] for name in batched}
    whole = run(Reference(), given, per_sample=per_sample)
    parts = [run(Reference(), piece(rows), per_sample=per_sample) for rows in ([0], [1], [2, 3])]
    for i in (0, 1):
        assert sum(float(part[i]) for part in parts) == pytest.approx(float(whole[i]), rel=1e-13)


def test_what_fills_up_changes_nothing():
    given = inputs_of("some")
    empty = given["chosen"] == 0
    other = given | {"places": np.where(empty, 4, given["places"]), "targets": np.where(empty, 7, given["targets"])}
    assert run(Reference(), other) == run(Reference(), given)


@dataclass(frozen=True)
class Classifier(Spec):
    def parameters(self):
        return {"weight": Parameter((WORDS, WIDTH), Constant(0.0)), "bias": Parameter((WORDS,), Constant(0.0))}


@pytest.mark.parametrize("numbers, per_sample", [("some", False), ("none", False), ("some", True)])
def test_engines_agree_in_value_and_gradient(numbers, per_sample):
    given = {n: x.astype(np.float32) if x.dtype.kind == "f" else x for n, x in inputs_of(numbers).items()}
    weights = {name: given.pop(name) for name in ("weight", "bias")}

    def function(ops, p, x):
        total, count = run(ops, x | {name: p[name] for name in weights}, per_sample=per_sample, chunk=5)
        return {"scalar": mean(ops, total, count), "total": total, "count": count}

    found = {name: e(Classifier(), weights, given, function, True, FLOATS) for name, e in INTERPRETERS.items()}
    wanted, gradients = found["numpy64"].outputs, found["torch64"].gradients
    for name in ("torch", "mindspore", "mindspore_eager"):
        for output, value in wanted.items():
            assert float(found[name].outputs[output]) == pytest.approx(float(value), rel=1e-5, abs=1e-7)
        for by in FLOATS:
            size = np.sqrt(np.mean(gradients[by] ** 2))
            assert np.abs(found[name].gradients[by] - gradients[by]).max() <= 1e-4 * size


def kept(chunk):
    """How many numbers torch keeps for the backward pass, and the sum."""
    sizes, given = {}, large()
    ops = TorchOps(torch.float64)
    arrays = {name: ops.constant(x) for name, x in given.items()}
    for name in FLOATS:
        arrays[name].requires_grad_()
    keep = lambda x: sizes.update({x.data_ptr(): x.numel()}) or x
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        total, _ = run(ops, arrays, chunk=chunk)
    return sum(sizes.values()), total.item()


def large(rows=50, words=400):
    rng = generator("large")
    places = np.zeros((rows, 2), np.int32)
    chosen, targets = np.ones((rows, 2)), rng.integers(0, words, (rows, 2)).astype(np.int32)
    floats = {"tokens": (rows, 3, 4), "weight": (words, 4), "bias": (words,)}
    given = {name: rng.standard_normal(shape) for name, shape in floats.items()}
    return given | {"places": places, "targets": targets, "chosen": chosen}


def test_logits_never_stand_whole():
    """100 words of 400: neither what a backward pass keeps nor any one array has 40,000 numbers."""
    numbers, total = kept(chunk=10)
    assert numbers < 10_000 and total == pytest.approx(kept(chunk=100)[1], rel=1e-12)

    @dataclass(frozen=True)
    class Nothing(Spec):
        pass

    inputs = {name: (x.shape, x.dtype) for name, x in large().items()}
    program = record(Nothing(), inputs, True, lambda ops, p, x: {"total": run(ops, x, chunk=10)[0]}).program
    largest = max(math.prod(out.shape) for call in program.calls for out in call.outputs)
    assert largest == 10 * 400


def test_in_low_precision_products_are_low_and_the_sum_is_not():
    given = {name: torch.tensor(x, dtype=torch.float32 if x.dtype.kind == "f" else None) for name, x in large().items()}
    for name in FLOATS:
        given[name].requires_grad_()
    exact = run(TorchOps(torch.float32), given)[0]
    low = run(mixed(TorchOps(torch.float32), "bf16"), given)[0]
    assert low.dtype == torch.float32 and low.item() != exact.item() == pytest.approx(low.item(), rel=1e-2)
    for a, b in zip(*(torch.autograd.grad(x, [given[name] for name in FLOATS]) for x in (low, exact))):
        assert a.dtype == torch.float32 and (a - b).norm() < 0.02 * b.norm()
