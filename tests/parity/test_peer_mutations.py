"""A fault in SigLIP, SLIP, FILIP, DeCLIP, DeFILIP or BERT is noticed by the comparison of engines, at the level and by
the name that it has.
"""

from dataclasses import fields, replace

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.backends.parity import compare, compare_training
from tandemclip.core.layers.linear import Linear
from tandemclip.core.layers.norm import BatchNorm
from tandemclip.core.methods.declip import QUEUE, DeCLIP
from tandemclip.core.methods.defilip import DENSE_SCALE, DeFILIP
from tandemclip.core.methods.filip import FILIP, compared
from tandemclip.core.methods.method import unit
from tandemclip.core.methods.siglip import SigLIP
from tandemclip.core.methods.slip import SLIP
from tandemclip.core.objectives.queue import pushed
from tandemclip.core.objectives.supcon import supcon
from tandemclip.core.towers.bert import Bert, words_there
from tandemclip.core.towers.parts import through
from tandemclip.tests.parity.test_presets import subject_of


class Unbiased(SigLIP):
    """Pairs without the learned bias."""

    def loss(self, ops, p, features, elapsed):
        class Without:
            def __getitem__(self, name):
                return p[name] * 0.0 if name == "logit_bias" else p[name]

        return super().loss(ops, Without(), features, elapsed)


class RunningNorm(BatchNorm):
    """Statistics of the past in place of the batch's."""

    def forward(self, ops, p, x):
        return ops.batch_norm_inference(x, p["weight"], p["bias"], p["mean"], p["variance"], self.eps)


class RunningHead(SLIP):
    def children(self):
        parts = super().children()
        head = parts["auxiliary.head"]
        with_norms = type("Head", (type(head),), {"children": lambda self: _running(type(head).children(self))})
        return parts | {"auxiliary.head": with_norms(*(getattr(head, field.name) for field in fields(head)))}


def _running(children):
    return {n: RunningNorm(c.width) if isinstance(c, BatchNorm) else c for n, c in children.items()}


class OwnView(SLIP):
    """Two classes, as if half of the negatives were positives."""

    def _simclr(self, ops, p, views, features):
        z = [unit(ops, p.child("auxiliary.head")(view)) for view in views]
        labels = ops.constant(np.arange(features.count, dtype=np.int32)[:, None] // 2)
        return supcon(ops, z, labels, 1 / self.simclr.temperature, rows=features.rows)


class ThroughTargets(DeCLIP):
    """SimSiam without its stop of the gradient: every node and every term is right."""

    def _alike(self, ops, p, features):
        z = [p.child("auxiliary.projector")(features.shared[name]) for name in ("one", "other")]
        q = [unit(ops, p.child("auxiliary.predictor")(x)) for x in z]
        z = [unit(ops, x) for x in z]
        return -ops.mean(ops.sum(q[0] * z[1], 1) + ops.sum(q[1] * z[0], 1), 0) / 2


class PushedFirst(DeCLIP):
    """The queue takes this step's captions before it is read: every text is its own neighbour."""

    def _nearest(self, ops, p, views, texts, scale, rows):
        class Later:
            update = p.update

            def __getitem__(self, name):
                return pushed(ops, p[name], ops.concat((texts[1], texts[0]), 0)) if name == QUEUE else p[name]

        return super()._nearest(ops, Later(), views, texts, scale, rows)


class Unmasked(DeCLIP):
    """The whole caption is read in place of the masked one."""

    def encode(self, ops, p, batch):
        return super().encode(ops, p, batch | {"text_masked": batch["text"]})


class OneScale(DeFILIP):
    """Tokens are compared at the scale of the embeddings."""

    def loss(self, ops, p, features, elapsed):
        terms = super().loss(ops, p, features, elapsed)
        return terms | {"tokens": compared(ops, features, ops.exp(p["logit_scale"] + 1.0 + p[DENSE_SCALE] * 0.0))}


class Untyped(Bert):
    """The vector of the token types is forgotten."""

    def trunk(self, ops, p, ids, table=None):
        rows = ops.take(p["tokens"] if table is None else table, ids)
        x = p.input_norm(rows + p["positions"][: ids.shape[1]] + p["types"][0] * 0.0)
        return through(p, x, self.layers, options=lambda block: {"mask": words_there(ops, ids)})


class Seeing(Bert):
    """Padding takes part in the attention."""

    def trunk(self, ops, p, ids, table=None):
        rows = ops.take(p["tokens"] if table is None else table, ids)
        x = p.input_norm(rows + p["positions"][: ids.shape[1]] + p["types"][0])
        return through(p, x, self.layers, options=lambda block: {"mask": words_there(ops, ids) * 0.0 + 1.0})


def as_a(kind, method):
    return kind(**{field.name: getattr(method, field.name) for field in fields(method)})


def without_bias(method):
    class Unprojected(type(method.text)):
        def children(self):
            parts = super().children()
            return parts | {"projection": Linear(self.width, self.embed_dim, bias=False)}

    return replace(method, text=as_a(Unprojected, method.text))


def with_text(kind):
    return lambda method: replace(method, text=as_a(kind, method.text))


FAULTS = {
    "SigLIP's bias": ("tiny_siglip_vit", lambda m: as_a(Unbiased, m), "term", "loss"),
    "a head by running statistics": (
        "tiny_slip_vit",
        lambda m: as_a(RunningHead, m),
        "node",
        "auxiliary.head.norms.0",
    ),
    "positives of other samples": ("tiny_slip_vit", lambda m: as_a(OwnView, m), "term", "simclr"),
    "padding that takes part": ("tiny_filip_vit", lambda m: replace(m, padding=True), "term", "loss"),
    "fewer tokens selected": ("tiny_filip_rn", lambda m: replace(m, select=2), "term", "loss"),
    "SimSiam's gradient": ("tiny_declip_vit", lambda m: as_a(ThroughTargets, m), "gradient", None),
    "a queue that is read too late": ("tiny_declip_vit", lambda m: as_a(PushedFirst, m), "term", "nearest"),
    "a queue with one push": (
        "tiny_declip_vit",
        lambda m: replace(m, queue=replace(m.queue, pushes="plain")),
        "step",
        None,
    ),
    "captions that are not masked": ("tiny_declip_vit", lambda m: as_a(Unmasked, m), "term", "clip"),
    "the bias of the text's projection": ("tiny_declip_vit", without_bias, "node", "text.projection"),
    "BERT without token types": ("tiny_unicl_bert", with_text(Untyped), "node", "text.input_norm"),
    "BERT that sees padding": ("tiny_unicl_bert", with_text(Seeing), "node", "text.blocks.0.attention.output"),
    "one scale for both": ("tiny_defilip_vit", lambda m: as_a(OneScale, m), "term", "tokens"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_noticed_and_named(root, fault):
    name, wrong, level, first = FAULTS[fault]
    subject = subject_of(root, name)
    make = backends.load("torch")
    judge, method = make.float64(subject.method, subject.weights, subject.rule), wrong(subject.method)
    declared = method.declared().keys()
    engines = {fault: make(method, {n: x for n, x in subject.weights.items() if n in declared}, subject.rule)}
    if level == "step":
        rows = compare_training(subject, make(subject.method, subject.weights, subject.rule), engines)
    else:
        rows = compare(subject, judge, engines)
    out = [row for row in rows if not row.agrees]
    assert level in {row.level for row in out}
    assert first is None or first in {row.first_out for row in out if row.level == level}


def test_filip_is_right_as_it_is(root):
    """The same comparison without a fault, of a method that is rebuilt as the faulty ones are."""
    subject = subject_of(root, "tiny_filip_vit")
    make = backends.load("torch")
    judge = make.float64(subject.method, subject.weights, subject.rule)
    right = make(as_a(FILIP, subject.method), subject.weights, subject.rule)
    assert all(row.agrees for row in compare(subject, judge, {"right": right}))
