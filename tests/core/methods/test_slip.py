"""SLIP: its terms against torch's own functions over what its towers give, over ranks and in pieces, in each form."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from tandemclip import backends
from tandemclip.backends.recorder.cost import inference_parameters
from tandemclip.backends.recorder.draws import training_views
from tandemclip.core.config.build import build
from tandemclip.core.data.views.image import ImageView
from tandemclip.core.data.views.view import batch_arrays
from tandemclip.core.methods.features import START, Features
from tandemclip.core.methods.slip import SLIP, SimCLR
from tandemclip.core.random import generator
from tandemclip.core.spec import count_parameters, initial_weights
from tandemclip.core.towers.tower import ImageTower, TextTower
from tandemclip.core.training.config import read
from tandemclip.core.training.global_batch import backward
from tandemclip.core.training.update import AdamW
from tandemclip.tests.core.layers.test_head import twin
from tandemclip.tools import train

COUNT = 6


@pytest.fixture(scope="module")
def method(root):
    return read(root / "configs" / "pretrain" / "tiny_slip_vit.yaml")[0].method


def engine_of(method):
    return backends.load("torch").float64(method, initial_weights(method, 0), AdamW())


@pytest.fixture(scope="module")
def batch(method):
    rng, batch = generator("slip"), {}
    for name, (shape, dtype) in batch_arrays(training_views(method), COUNT).items():
        batch[name] = (rng.integers(1, 30, shape) if dtype.kind == "i" else rng.standard_normal(shape)).astype(dtype)
    return batch


def features_of(engine, batch):
    """What the towers give, each a leaf that gradients can be asked of."""
    scope, given = engine.model.scope(True), engine._tensors(batch)
    unit = lambda x: x / x.norm(dim=1, keepdim=True)
    found = {"u": unit(scope.image(given["image"])), "v": unit(scope.text(given["text"]))}
    found |= {name: scope.image.features(given[f"image_{name}"]) for name in ("one", "other")}
    return {name: x.detach().requires_grad_() for name, x in found.items()}


def their_head(engine):
    arrays = {n: x.detach().numpy() for n, x in engine.model.arrays.items()}
    under = "auxiliary.head."
    head = engine.method.nodes["auxiliary.head"]
    return twin(head, {n.removeprefix(under): x for n, x in arrays.items() if n.startswith(under)})


def ntxent(z1, z2, temperature):
    """SimCLR's eq. 1: two views [N, D] -> a scalar."""
    z = torch.cat([z1, z2]) / torch.cat([z1, z2]).norm(dim=1, keepdim=True)
    logits = (z @ z.T / temperature).masked_fill(torch.eye(len(z), dtype=bool), -torch.inf)
    return cross_entropy(logits, torch.arange(len(z)).roll(len(z1)))


def their_terms(engine, seen):
    head, scale = their_head(engine), engine.model.arrays["logit_scale"].exp()
    logits, own = scale * seen["u"] @ seen["v"].T, torch.arange(len(seen["u"]))
    clip = (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2
    return {"clip": clip, "simclr": ntxent(head(seen["one"]), head(seen["other"]), 0.1)}


def our_terms(engine, seen, rows=None):
    scope = engine.model.scope(True)
    return scope.loss(Features(seen, rows=rows, count=COUNT), START), scope.run.updates


@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_its_terms_are_torch_s(method, batch, weight):
    engine = engine_of(replace(method, simclr=replace(method.simclr, weight=weight)))
    seen = features_of(engine, batch)
    ours, theirs = our_terms(engine, seen)[0], their_terms(engine, seen)
    for name, value in theirs.items():
        assert ours[name].item() == pytest.approx(value.item(), rel=1e-12)
    total = theirs["clip"] + weight * theirs["simclr"]
    assert ours["loss"].item() == pytest.approx(total.item(), rel=1e-12)
    by = list(seen.values())
    for mine, right in zip(torch.autograd.grad(ours["loss"], by), torch.autograd.grad(total, by)):
        np.testing.assert_allclose(mine, right, rtol=1e-9, atol=1e-12)
    found = engine.backward(batch, START)
    assert found.terms["loss"] == pytest.approx(total.item(), rel=1e-12)


def test_the_head_sees_one_view_of_everybody_at_a_time(method, batch):
    """Its running statistics are those of two passes of the whole batch."""
    engine = engine_of(method)
    seen, head = features_of(engine, batch), their_head(engine)
    updates = our_terms(engine, seen)[1]
    for name in ("one", "other"):
        head(seen[name])
    np.testing.assert_allclose(updates["auxiliary.head.norms.0.mean"], head[1].running_mean, rtol=1e-12)
    np.testing.assert_allclose(updates["auxiliary.head.norms.1.variance"], head[4].running_var, rtol=1e-12)


@pytest.mark.parametrize("statistics", ["batch", "rank"])
def test_ranks_share_statistics_or_do_not(method, batch, statistics):
    engine = engine_of(replace(method, simclr=replace(method.simclr, statistics=statistics)))
    seen = features_of(engine, batch)
    ranks = [our_terms(engine, seen, rows) for rows in ((0, 2), (2, 4), (4, 6))]
    head = lambda x: their_head(engine)(x)
    alone = lambda x: torch.cat([their_head(engine)(x[i : i + 2]) for i in (0, 2, 4)])
    z = [(alone if statistics == "rank" else head)(seen[name]) for name in ("one", "other")]
    assert sum(terms["simclr"].item() for terms, _ in ranks) == pytest.approx(ntxent(*z, 0.1).item(), rel=1e-12)
    assert not torch.isclose(ntxent(alone(seen["one"]), z[1], 0.1), ntxent(head(seen["one"]), z[1], 0.1), rtol=1e-3)
    for name, value in ranks[0][1].items():  # what a rank writes, all of them write
        assert all(torch.equal(updates[name], value) for _, updates in ranks[1:])


def test_constant_columns_get_no_gradient(method, batch):
    """As released by facebookresearch on several ranks: the same value, and each side learns as rows alone."""
    constant, learn = engine_of(replace(method, columns="constant")), engine_of(method)
    seen = features_of(learn, batch)
    ours, whole = our_terms(constant, seen)[0]["clip"], our_terms(learn, seen)[0]["clip"]
    assert ours.item() == pytest.approx(whole.item(), rel=1e-12)
    scale, own = learn.model.arrays["logit_scale"].exp(), torch.arange(COUNT)
    u, v = seen["u"], seen["v"]
    theirs = (cross_entropy(scale * u @ v.detach().T, own) + cross_entropy(scale * v @ u.detach().T, own)) / 2
    mine, right = (torch.autograd.grad(x, (u, v)) for x in (ours, theirs))
    assert all((a - b).abs().max() < 1e-12 for a, b in zip(mine, right))
    assert (mine[0] - torch.autograd.grad(whole, u)[0]).abs().max() > 1e-3


@pytest.mark.parametrize("columns", ["learn", "constant"])
def test_pieces_are_the_whole(method, batch, columns):
    engine = engine_of(replace(method, columns=columns))
    whole = engine.backward(batch, START)
    for count in (2, 3):
        parts = backward(engine, batch, START, accumulate=count)
        assert parts.terms == pytest.approx(whole.terms, rel=1e-12)
        one, other = engine.named_gradients(whole), engine.named_gradients(parts)
        largest = max(np.abs(gradient).max() for gradient in one.values())
        assert all(np.abs(one[n] - other[n]).max() <= 1e-12 * largest for n in one)
        assert parts.statistics.keys() == whole.statistics.keys() and len(whole.statistics) == 4
        assert all(torch.allclose(x, parts.statistics[n], rtol=1e-12) for n, x in whole.statistics.items())


def test_three_views_of_which_the_plain_one_is_evaluation_s(method):
    views = {name: view for name, view in method.views().items() if isinstance(view, ImageView)}
    assert [view.moco_v2 is not None for view in views.values()] == [False, True, True]
    assert views["image_one"] == views["image_other"] and method.inference_view().resolution == 32
    assert not [name for name in inference_parameters(method) if name.startswith("auxiliary")]


@pytest.mark.parametrize(
    "image, count",
    # both: state dicts of the released class, without running statistics
    [("SLIP-ViT-S/16", 104_713_857), ("SLIP-ViT-B/16", 170_616_321)],
)
def test_the_released_number_of_parameters(image, count):
    assert count_parameters(SLIP(build(ImageTower, image), build(TextTower, "CLIP-text-512"))) == count


def test_the_released_values():
    """facebookresearch/SLIP: head of 4,096, 4,096 and 256; temperature 0.1; crops of half the picture and of 0.08."""
    assert SimCLR() == SimCLR(weight=1.0, temperature=0.1, hidden=4096, width=256)
    fields = SLIP.__dataclass_fields__
    assert fields["crop"].default.area == (0.5, 1.0) and not fields["crop"].default.flip
    assert fields["augmented"].default.area == (0.08, 1.0) and fields["augmented"].default.flip


def test_it_trains(root, tmp_path):
    config = root / "configs" / "pretrain" / "tiny_slip_vit.yaml"
    given = ["--config", str(config), "--out", str(tmp_path / "run"), "--set", "training.steps=3"]
    assert train.main([*given, "data.train.count=40"]) == 0
