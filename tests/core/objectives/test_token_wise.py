"""Token-wise late interaction against plain loops and the whole product, in chunks and rows, on every engine."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from tandemclip.backends.recorder.record import record
from tandemclip.backends.reference.ops import Reference
from tandemclip.backends.torch.ops import TorchOps
from tandemclip.core.objectives import token_wise as objective
from tandemclip.core.objectives.token_alignment import NO_TOKEN
from tandemclip.core.objectives.token_wise import Tokens, late_interaction, nearest, token_wise
from tandemclip.core.random import generator
from tandemclip.core.spec import Constant, Parameter, Spec
from tandemclip.tests.parity.interpreters import INTERPRETERS

PICTURES, WORDS, WIDTH = 3, 5, 4
LENGTHS = (5, 1, 3, 4, 2, 5)
NAMES = ("image", "text", "scale")


def inputs_of(count, seed=0, sizes=(PICTURES, WORDS)):
    """Padding is of unit rows too, so that a mask that is forgotten shows."""
    rng = generator("token-wise", seed, count)
    unit = lambda x: x / np.linalg.norm(x, axis=2, keepdims=True)
    image, text = (unit(rng.standard_normal((count, size, WIDTH))) for size in sizes)
    mask = (np.arange(sizes[1]) < np.resize(np.minimum(LENGTHS, sizes[1]), count)[:, None]).astype(float)
    return {"image": image, "text": text, "mask": mask, "scale": np.array(4.0)}


def plain(image, text, mask, scale, columns=None, rows=None):
    """Eqs. 3 and 4 and both cross-entropies, written out: lists of vectors."""
    words = lambda text, mask: [[t for t, there in zip(*pair) if there] for pair in zip(text.tolist(), mask)]
    dot = lambda x, y: sum(a * b for a, b in zip(x, y))
    mean_of_maxima = lambda queries, keys: sum(max(dot(q, k) for k in keys) for q in queries) / len(queries)
    pictures, texts = image.tolist(), words(text, mask)
    others = (pictures, texts) if columns is None else (columns.image.tolist(), words(columns.text, columns.mask))
    total = 0.0
    for i in range(*(rows or (0, len(image)))):
        for queries, keys in ((pictures[i], others[1]), (texts[i], others[0])):
            logits = [float(scale) * mean_of_maxima(queries, each) for each in keys]
            total += math.log(sum(map(math.exp, logits))) - logits[i]
    return total / (2 * len(image))


def run(ops, x, columns=None, rows=None, cells=1 << 22):
    return token_wise(
        ops, Tokens(x["image"], x["text"], x["mask"]), x["scale"], columns=columns, rows=rows, cells=cells
    )


CELLS = [1, 200, 1 << 22]  # one picture, two, all


@pytest.mark.parametrize("cells", CELLS)
@pytest.mark.parametrize("count", [1, 2, 6])
def test_against_plain_loops(count, cells):
    given = inputs_of(count)
    found = run(Reference(), given, cells=cells)
    assert np.shape(found) == () and float(found) == pytest.approx(plain(**given), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("cells", CELLS)
@pytest.mark.parametrize("cuts", [(0, 6), (0, 1, 6), (0, 2, 4, 6)])
def test_the_parts_of_rows_add_up_to_the_whole(cuts, cells):
    given = inputs_of(6)
    parts = [float(run(Reference(), given, rows=rows, cells=cells)) for rows in zip(cuts, cuts[1:])]
    assert parts == pytest.approx([plain(**given, rows=rows) for rows in zip(cuts, cuts[1:])], rel=1e-12)
    assert sum(parts) == pytest.approx(float(run(Reference(), given)), rel=1e-12)


def selected(given, places=(0, 2), words=(0, 3)):
    """Some tokens of each, as if chosen; of texts some are padding, and the first never is."""
    return Tokens(given["image"][:, places], given["text"][:, words], given["mask"][:, words])


@pytest.mark.parametrize("rows", [None, (1, 4)])
def test_columns_may_be_selected_tokens(rows):
    given = inputs_of(6)
    found = float(run(Reference(), given, selected(given), rows, cells=200))
    assert found == pytest.approx(plain(**given, columns=selected(given), rows=rows), rel=1e-12)
    assert abs(found - float(run(Reference(), given, rows=rows))) > 1e-3


def test_the_values_of_the_fixture(shared):
    with np.load(shared / "fixtures" / "objectives.npz") as file:
        tokens = Tokens(*(file[f"filip/{name}"].astype(float) for name in ("image_tokens", "text_tokens", "text_mask")))
        found = token_wise(Reference(), tokens, file["filip/scale"])
        assert float(found) == pytest.approx(float(file["filip/total"]), rel=1e-12)
        for direction in ("i2t", "t2i"):
            s = late_interaction(Reference(), tokens, direction)
            np.testing.assert_allclose(s, file[f"filip/similarity_{direction}"], rtol=1e-12)


def whole(image, text, mask, scale, columns=None):
    """All products at once, by torch's own functions and its autograd."""
    ours, others = Tokens(image, text, mask), columns or Tokens(image, text, mask)
    hidden = (1 - others.mask)[None, None].bool()
    images = torch.einsum("ikd,jld->ikjl", ours.image, others.text).masked_fill(hidden, -torch.inf).amax(3).mean(1)
    texts = torch.einsum("ikd,jld->ikjl", others.image, ours.text).amax(1)
    texts = (texts * mask).sum(2) / mask.sum(1)
    own = torch.arange(len(image))
    entropy = torch.nn.functional.cross_entropy
    return (entropy(scale * images, own) + entropy(scale * texts.T, own)) / 2


def gradients_of(function, given):
    arrays = {name: torch.tensor(x, requires_grad=name in NAMES) for name, x in given.items()}
    found = torch.autograd.grad(function(arrays), [arrays[name] for name in NAMES])
    return [g.numpy() for g in found]


@pytest.mark.parametrize("kept", [0, 250, 1 << 22])  # products: none, those of some chunks, all
@pytest.mark.parametrize("selects", [False, True])
@pytest.mark.parametrize("rows", [None, ((0, 2), (2, 3), (3, 6))])
@pytest.mark.parametrize("cells", CELLS)
def test_the_gradient_is_that_of_the_whole_product(cells, rows, selects, kept, monkeypatch):
    monkeypatch.setattr(objective, "KEPT", kept)
    columns = lambda x: selected(x) if selects else None
    ops, given = TorchOps(torch.float64), inputs_of(6)
    parts = lambda x: sum(run(ops, x, columns(x), part, cells) for part in rows or [None])
    for mine, right in zip(gradients_of(parts, given), gradients_of(lambda x: whole(**x, columns=columns(x)), given)):
        np.testing.assert_allclose(mine, right, rtol=1e-10, atol=1e-15)


def test_padding_takes_no_part():
    given, rng = inputs_of(6), generator("padding")
    noise = rng.standard_normal(given["text"].shape) * (1 - given["mask"])[..., None]
    assert float(run(Reference(), given | {"text": given["text"] + noise})) == float(run(Reference(), given))
    gradient = gradients_of(lambda x: run(TorchOps(torch.float64), x), given)[1]
    assert not gradient[given["mask"] == 0].any() and gradient[given["mask"] == 1].any()


def test_tokens_that_are_equally_similar_share_the_gradient():
    """As torch's amax shares it. Tokens are axes, so that products are 0 and 1 whatever the order of summing."""
    given, rng = inputs_of(6), generator("axes")
    given |= {name: np.eye(WIDTH)[rng.integers(0, WIDTH, given[name].shape[:2])] for name in ("image", "text")}
    ours = gradients_of(lambda x: run(TorchOps(torch.float64), x, cells=200), given)
    for mine, right in zip(ours, gradients_of(lambda x: whole(**x), given)):
        np.testing.assert_allclose(mine, right, rtol=1e-10, atol=1e-15)


@dataclass(frozen=True)
class Learned(Spec):
    def parameters(self):
        return {"scale": Parameter((), Constant(0.0))}


@pytest.mark.parametrize("count, rows, cells", [(1, None, 1), (6, None, 200), (6, (2, 5), 1 << 22)])
def test_engines_agree_in_value_and_gradient(count, rows, cells):
    given = {name: x.astype(np.float32) for name, x in inputs_of(count).items()}
    weights = {"scale": given.pop("scale")}
    function = lambda ops, p, x: {"scalar": run(ops, {**x, "scale": p["scale"]}, rows=rows, cells=cells)}
    found = {name: run_on(Learned(), weights, given, function, True, NAMES) for name, run_on in INTERPRETERS.items()}
    wanted, gradients = float(found["numpy64"].outputs["scalar"]), found["torch64"].gradients
    for name in ("torch", "mindspore", "mindspore_eager"):
        assert float(found[name].outputs["scalar"]) == pytest.approx(wanted, rel=1e-5, abs=1e-7)
        for by in NAMES:
            size = np.sqrt(np.mean(gradients[by] ** 2))
            assert np.abs(found[name].gradients[by] - gradients[by]).max() <= 1e-4 * size + 1e-7, (name, by)


def test_the_product_never_stands_whole():
    """Of 30 x 3 by 30 x 5 numbers, two pictures' are computed at a time; what waits for the backward pass is less."""
    given = inputs_of(30)
    shapes = {name: (x.shape, "float32") for name, x in given.items()}
    value = lambda ops, p, x: {"loss": run(ops, x, cells=1000)}
    program = record(Learned(), shapes, True, value).program
    assert max(math.prod(out.shape) for call in program.calls for out in call.outputs) == 2 * 3 * 30 * 5
    kept, arrays = {}, {name: torch.tensor(x, requires_grad=name in NAMES) for name, x in given.items()}
    keep = lambda x: kept.update({x.data_ptr(): x.numel()}) or x
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        run(TorchOps(torch.float64), arrays, cells=1000)
    assert max(kept.values()) <= 30 * 5 * 5


# ------------------------------------------------------------------ of each picture and its own text
def test_the_nearest_are_those_of_a_loop():
    """A word for each place, a place for each word; a text without words has no pair."""
    rng = generator("nearest")
    cost, there = rng.uniform(0, 2, (3, 4, 5)).astype(np.float32), np.array([5, 2, 0])
    for row, count in zip(cost, there):
        row[:, count:] = NO_TOKEN
    for direction in ("i2t", "t2i"):
        found = nearest(cost, direction)
        for i, count in enumerate(there):
            kept = found["matched"][i] > 0
            pairs = {*zip(found["image"][i][kept].tolist(), found["text"][i][kept].tolist())}
            if direction == "i2t":
                wanted = {(k, min(range(count), key=lambda word: cost[i, k, word])) for k in range(4 if count else 0)}
            else:
                wanted = {(min(range(4), key=lambda k: cost[i, k, word]), word) for word in range(count)}
            assert pairs == wanted


@pytest.mark.parametrize("name", ["torch", "mindspore", "mindspore_eager"])
def test_what_all_tokens_share_does_not_round_the_gradient_by_scale(name):
    """All similarities are 0.99 and a little: the gradient sums what is left of them."""
    given = inputs_of(6)
    shared = lambda x: np.concatenate([0.1 * x, np.full((*x.shape[:2], 1), 0.99**0.5)], 2)
    given = {key: (shared(x) if x.ndim == 3 else x).astype(np.float32) for key, x in given.items()}
    weights = {"scale": np.array(100.0, np.float32)}
    function = lambda ops, p, x: {"scalar": run(ops, {**x, "scale": p["scale"]})}
    given.pop("scale")
    found, wanted = (INTERPRETERS[each](Learned(), weights, given, function, True, NAMES) for each in (name, "torch64"))
    assert found.gradients["scale"] == pytest.approx(wanted.gradients["scale"], rel=2e-5)
