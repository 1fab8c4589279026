"""A batch in pieces is the batch, for a method with every kind of feature: rows, whole-number rows, sums over
samples.
"""

from dataclasses import dataclass

import numpy as np
import pytest

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


def test_statistics_go_from_piece_to_piece():
    method = Toy(norm=True)
    weights = initial_weights(method, 0)
    engine = Torch.float64(method, weights, AdamW())
    found = backward(engine, batch(), HALF, accumulate=2).statistics
    mean, rest = weights["norm.mean"].astype(float), batch()["x"] @ weights["linear.weight"].T + weights["linear.bias"]
    for half in (rest[:4], rest[4:]):
        mean = 0.9 * mean + 0.1 * half.mean(0)
    np.testing.assert_allclose(found["norm.mean"].numpy(), mean, rtol=1e-6, atol=1e-8)


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
