"""A batch in pieces is the batch, for a method with every kind of feature: rows, whole-number rows, sums over
samples.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier

import numpy as np
import pytest
import torch

from tandemclip.backends.mindspore.engine import Engine as MindSpore
from tandemclip.backends.torch.engine import Engine as Torch
from tandemclip.core.layers.linear import Linear
from tandemclip.core.layers.norm import BatchNorm
from tandemclip.core.methods.features import Elapsed, Features
from tandemclip.core.methods.method import Method
from tandemclip.core.random import generator
from tandemclip.core.spec import Buffer, Constant, Normal, Parameter, initial_weights
from tandemclip.core.training.engine import Rates
from tandemclip.core.training.global_batch import backward
from tandemclip.core.training.update import AdamW

HALF = Elapsed(0.5, 0.25)


@dataclass(frozen=True)
class Toy(Method):
    """Pulls together what has the same label, over all samples, and has a mean over marked samples only."""

    norm: bool = False

    def children(self):
        return {"linear": Linear(3, 4)} | ({"norm": BatchNorm(4)} if self.norm else {})

    def parameters(self):
        return {"scale": Parameter((), Constant(0.5)), "unused": Parameter((2,), Constant(1.0))}

    def encode(self, ops, p, batch):
        x = p.linear(batch["x"])
        x = p.norm(x) if self.norm else x
        marked = ops.sum(ops.sum(x * x, 1) * batch["mark"], 0)
        return Features({"x": x, "label": batch["label"]}, {"size": (marked, ops.sum(batch["mark"], 0))})

    def loss(self, ops, p, features, elapsed):
        x, labels = features.shared["x"], ops.cast(features.shared["label"], "float")
        squares, count = features.own["size"]
        similar = ops.matmul(x, ops.transpose(x, (1, 0))) * ops.matmul(
            ops.reshape(labels, (8, 1)), ops.reshape(labels, (1, 8))
        )
        pull = features.part(ops.sum(ops.tanh(similar * p["scale"]), (0, 1)))
        size = features.part(squares / count)
        return {"pull": pull, "size": size, "loss": pull + size * elapsed.step}


def batch():
    rng = generator("toy")
    labels = rng.integers(0, 3, 8).astype(np.int32)
    mark = np.array([1, 0, 0, 0, 1, 1, 1, 0], np.float32)  # unevenly over the pieces, none in one of four
    return {"x": rng.standard_normal((8, 3)).astype(np.float32), "label": labels, "mark": mark}


@pytest.mark.parametrize("count", [2, 4, 8])
@pytest.mark.parametrize("engine", ["torch", "mindspore"])
def test_pieces_are_the_whole(engine, count):
    make, tolerance = {"torch": (Torch.float64, 1e-12), "mindspore": (MindSpore, 2e-6)}[engine]
    engine = make(Toy(), initial_weights(Toy(), 0), AdamW())
    whole, parts = engine.backward(batch(), HALF), backward(engine, batch(), HALF, accumulate=count)
    assert parts.terms == pytest.approx(whole.terms, rel=tolerance) and parts.norm == pytest.approx(
        whole.norm, rel=tolerance
    )
    wanted, found = engine.named_gradients(whole), engine.named_gradients(parts)
    for name, gradient in wanted.items():
        np.testing.assert_allclose(found[name], gradient, rtol=tolerance, atol=tolerance * np.abs(gradient).max())
    assert wanted["scale"] != 0 and wanted["linear.weight"].any() and not wanted["unused"].any()


@dataclass(frozen=True)
class Decayed(Toy):
    """The loss uses a weight that the features use too."""

    def loss(self, ops, p, features, elapsed):
        weight = p.child("linear")["weight"]
        terms = super().loss(ops, p, features, elapsed)
        return terms | {"loss": terms["loss"] + features.part(ops.sum(weight * weight, (0, 1)))}


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("make", [Torch.float64, MindSpore])
def test_a_weight_of_features_and_of_the_loss_has_the_gradient_of_both(make, count):
    """That of |W|^2 is 2 W."""
    weights = initial_weights(Toy(), 0)
    plain, both = (make(method, weights, AdamW()) for method in (Toy(), Decayed()))
    wanted, found = (e.named_gradients(backward(e, batch(), HALF, accumulate=count)) for e in (plain, both))
    np.testing.assert_allclose(
        found["linear.weight"] - wanted["linear.weight"], 2 * weights["linear.weight"], 1e-5, 1e-6
    )
    np.testing.assert_allclose(found["linear.bias"], wanted["linear.bias"], 1e-5, 1e-6)


@pytest.mark.parametrize("make", [Torch.float64, MindSpore])
def test_a_gradient_names_what_is_used_and_a_vector_has_zeros_for_the_rest(make):
    engine = make(Toy(), initial_weights(Toy(), 0), AdamW())
    piece = engine.encode(batch(), {}, True)
    found = engine.differentiate(piece.features, HALF, count=8, rows=None, statistics={}, scale=1.0)
    assert set(found.gradients) == {"scale"}
    assert set(engine.pull_back(piece, found.cotangents)) == {"linear.weight", "linear.bias"}
    vectors = [engine.to_host(vector) for vector in engine.flatten(found.gradients)]
    assert [len(vector) for vector in vectors] == [group.size for group in engine.groups]
    assert sum(np.count_nonzero(vector) for vector in vectors) == 1


@pytest.mark.parametrize("make", [Torch.float64, MindSpore])
def test_a_scale_of_the_loss_is_that_of_every_gradient_in_pieces_too(make):
    engine = make(Toy(), initial_weights(Toy(), 0), AdamW())
    plain, scaled = (backward(engine, batch(), HALF, accumulate=2, scale=scale) for scale in (1.0, 1024.0))
    assert scaled.norm == pytest.approx(plain.norm, rel=1e-6) and scaled.terms == plain.terms
    wanted, found = engine.named_gradients(plain), engine.named_gradients(scaled)
    for name, gradient in wanted.items():
        np.testing.assert_allclose(found[name], gradient, rtol=1e-5, atol=1e-6)
    largest = max(np.abs(engine.to_host(vector)).max() for vector in scaled.gradients)
    assert largest == pytest.approx(1024 * max(np.abs(gradient).max() for gradient in wanted.values()), rel=1e-5)


@pytest.mark.parametrize("make", [Torch.float64, MindSpore])
@pytest.mark.parametrize("count", [1, 2])
def test_statistics_go_from_piece_to_piece_and_an_update_stores_them(make, count):
    """Twice, at a rate that changes no weight."""
    method = Toy(norm=True)
    weights = initial_weights(method, 0)
    engine = make(method, weights, AdamW())
    mean, variance = (weights[f"norm.{name}"].astype(float) for name in ("mean", "variance"))
    rest = batch()["x"] @ weights["linear.weight"].T + weights["linear.bias"]
    for _ in range(2):
        found = backward(engine, batch(), HALF, accumulate=count)
        for piece in np.split(rest, count):
            mean = 0.9 * mean + 0.1 * piece.mean(0)
            variance = 0.9 * variance + 0.1 * piece.var(0, ddof=1)
        np.testing.assert_allclose(engine.to_host(found.statistics["norm.mean"]), mean, rtol=1e-5, atol=1e-7)
        engine.update(found, Rates(0.0, 0.1, 0.1))
        np.testing.assert_allclose(engine.weights()["norm.mean"], mean, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(engine.weights()["norm.variance"], variance, rtol=1e-5, atol=1e-7)


@dataclass(frozen=True)
class Centred(Method):
    """`encode` writes half of a mean, which comes of a product, and `loss` reads it."""

    chooses_by: tuple[str, ...] = ()

    def children(self):
        return {"linear": Linear(3, 4)}

    def buffers(self):
        return {"centre": Buffer((4,), Constant(0.3))}

    def encode(self, ops, p, batch):
        x = p.linear(batch["x"])
        product = ops.matmul(ops.constant(np.full((1, 8), 1 / 16, np.float32)), x)
        p.update("centre", ops.reshape(product, (4,)))
        return Features({"x": x}, local={"x": x})

    def choose(self, local):
        return {"unused": np.zeros(len(local["x"]), np.float32)}

    def loss(self, ops, p, features, elapsed):
        apart = features.shared["x"] - p["centre"]
        return {"loss": features.part(ops.mean(ops.sum(apart * apart, 1), 0))}


@pytest.mark.parametrize("engine", ["torch", "mindspore"])
def test_no_gradient_goes_through_a_buffer_in_one_program_or_two(engine):
    make, tolerance = {"torch": (Torch.float64, 1e-6), "mindspore": (MindSpore, 1e-5)}[engine]
    given = {"x": batch()["x"]}
    weights = initial_weights(Centred(), 0)
    x, weight = given["x"].astype(float), weights["linear.weight"].astype(float)
    y = x @ weight.T + weights["linear.bias"]
    wanted = 2 / 8 * (y - y.mean(0) / 2).T @ x  # by hand, the mean held fixed
    for method in (Centred(), Centred(("x",))):
        made = make(method, weights, AdamW())
        found = backward(made, given, HALF)
        np.testing.assert_allclose(made.named_gradients(found)["linear.weight"], wanted, rtol=tolerance, atol=1e-6)
        np.testing.assert_allclose(made.to_host(found.statistics["centre"]), y.mean(0) / 2, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", [Torch, MindSpore])
def test_a_buffer_is_float_whatever_the_towers_compute_in(make):
    weights = initial_weights(Centred(), 0)
    made = make(Centred(), weights, AdamW(), precision="fp16")
    for _ in range(2):
        found = backward(made, {"x": batch()["x"]}, HALF)
        assert made.to_host(found.statistics["centre"]).dtype == np.float32
        made.update(found, Rates(0.001, 0.1, 0.1))
    assert made.weights()["centre"].dtype == np.float32


@dataclass(frozen=True)
class Chosen(Method):
    """Samples weighed on the host among all others of the rank, a queue that the loss writes, texts of some length."""

    chooses_by = ("x",)

    def children(self):
        return {"linear": Linear(3, 4)}

    def parameters(self):
        return {"words": Parameter((5, 4), Normal(1.0))}

    def buffers(self):
        return {"queue": Buffer((10, 4), Normal(1.0))}

    def length(self, batch):
        return int((batch["text"] > 0).sum(1).max())

    def cut(self, batch, length):
        return batch | {"text": batch["text"][:, :length]}

    def encode(self, ops, p, batch):
        x = p.linear(batch["x"])
        return Features({"x": x, "words": ops.take(p["words"], batch["text"])}, local={"x": x})

    def choose(self, local):
        return {"rank": np.argsort(np.argsort(local["x"][:, 0])).astype(float)}

    def loss(self, ops, p, features, elapsed):
        x, words, queue = features.shared["x"], features.shared["words"], p["queue"]
        p.update("queue", ops.concat((x, queue), 0)[:10])
        own = ops.sum(ops.sum(ops.tanh(features.local["x"]), 1) * features.chosen["rank"], 0) / features.count
        text = ops.sum(ops.mean(words, (1, 2)) * x[:, 0], 0)
        seen = features.part(ops.mean(ops.matmul(x, ops.transpose(queue, (1, 0))), (0, 1)) + text)
        length = ops.constant(np.float32(words.shape[1]))
        return {"own": own, "seen": seen, "length": features.part(length), "loss": own + seen}


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("engine", ["torch", "mindspore"])
def test_choices_buffers_and_texts_in_pieces_are_those_of_the_whole(engine, count):
    make, tolerance = {"torch": (Torch.float64, 1e-12), "mindspore": (MindSpore, 5e-6)}[engine]
    text = np.array([[1, 0, 0], [2, 3, 0], [1, 1, 0], [4, 0, 0], [1, 0, 0], [3, 0, 0], [2, 1, 0], [1, 0, 0]], np.int32)
    given, weights = {"x": batch()["x"], "text": text}, initial_weights(Chosen(), 0)
    engine = make(Chosen(), weights, AdamW())
    whole, parts = (backward(engine, given, HALF, accumulate=n) for n in (1, count))
    assert parts.terms == pytest.approx(whole.terms, rel=tolerance)
    assert whole.terms["length"] == (3 if engine.capabilities.fixed_shapes else 2)  # 2 in pieces of shorter texts too
    wanted, found = engine.named_gradients(whole), engine.named_gradients(parts)
    for name, gradient in wanted.items():
        np.testing.assert_allclose(found[name], gradient, rtol=tolerance, atol=tolerance * np.abs(gradient).max())
    x = given["x"] @ weights["linear.weight"].T + weights["linear.bias"]
    queue = np.concatenate([x, weights["queue"][:2]])
    np.testing.assert_allclose(engine.to_host(parts.statistics["queue"]), queue, rtol=1e-5, atol=1e-6)
    engine.update(parts, Rates(0.001, 0.1, 0.1))
    np.testing.assert_allclose(engine.weights()["queue"], queue, rtol=1e-5, atol=1e-6)


class Threads:
    """core.training.ranks.Ranks of threads in one process. Every array goes through `given`, a place for each rank."""

    def __init__(self, rank, given, barrier):
        self.rank, self.size, self._given, self._barrier = rank, len(given), given, barrier

    def _everybodys(self, x):
        self._given[self.rank] = x.detach().clone()
        self._barrier.wait(60)
        found = list(self._given)
        self._barrier.wait(60)  # nobody gives anew before all have read
        return found

    def gather(self, x):
        return torch.cat(self._everybodys(x))

    def sum(self, x):
        return torch.stack(self._everybodys(x)).sum(0)


def on_two_ranks(method, given, accumulate):
    """[(engine, what it found)], each rank with its half of the rows."""
    places, barrier = [None, None], Barrier(2)
    weights = initial_weights(method, 0)

    def one(rank):
        engine = Torch.float64(method, weights, AdamW(), ranks=Threads(rank, places, barrier))
        own = {name: np.split(array, 2)[rank] for name, array in given.items()}
        return engine, backward(engine, own, HALF, accumulate=accumulate)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, range(2)))


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("method", [Toy(), Decayed()], ids=["Toy", "Decayed"])
def test_two_ranks_are_the_whole(method, count):
    alone = Torch.float64(method, initial_weights(method, 0), AdamW())
    whole = backward(alone, batch(), HALF)
    wanted = alone.named_gradients(whole)
    for engine, found in on_two_ranks(method, batch(), count):
        assert found.terms == pytest.approx(whole.terms, rel=1e-12) and found.norm == pytest.approx(whole.norm, 1e-12)
        for name, gradient in engine.named_gradients(found).items():
            np.testing.assert_allclose(gradient, wanted[name], rtol=1e-10, atol=1e-12)


def test_what_two_ranks_write_in_a_pass_is_averaged():
    """Each sees statistics of its own rows, and both go on with the mean of them."""
    method = Toy(norm=True)
    weights = initial_weights(method, 0)
    x = batch()["x"] @ weights["linear.weight"].T + weights["linear.bias"]
    for name, of_half in {"mean": x.reshape(2, 4, 4).mean(1), "variance": x.reshape(2, 4, 4).var(1, ddof=1)}.items():
        wanted = 0.9 * weights[f"norm.{name}"] + 0.1 * of_half.mean(0)
        for engine, found in on_two_ranks(method, batch(), 1):
            engine.update(found, Rates(0.0, 0.1, 0.1))
            np.testing.assert_allclose(engine.weights()[f"norm.{name}"], wanted, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("count", [1, 2])
def test_choices_and_texts_of_two_ranks(count):
    """A choice is made among a rank's own rows; texts are as long as the longest of any rank; a queue takes all."""
    text = np.array([[1, 0, 0], [2, 3, 0], [1, 1, 0], [4, 0, 0], [1, 0, 0], [3, 0, 0], [2, 0, 0], [1, 0, 0]], np.int32)
    weights = initial_weights(Chosen(), 0)
    given = {"x": batch()["x"], "text": text}
    x = given["x"] @ weights["linear.weight"].T + weights["linear.bias"]
    rank = np.concatenate([np.argsort(np.argsort(half[:, 0])) for half in np.split(x, 2)])
    for engine, found in on_two_ranks(Chosen(), given, count):
        assert found.terms["own"] == pytest.approx((np.tanh(x).sum(1) * rank).sum() / 8, rel=1e-5)
        assert found.terms["length"] == 2
        engine.update(found, Rates(0.0, 0.1, 0.1))
        np.testing.assert_allclose(engine.weights()["queue"][:8], x, rtol=1e-5, atol=1e-6)
