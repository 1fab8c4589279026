"""The engines agree on every tiny configuration, and the suite that says so notices each kind of fault."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.backends.judge import Subject
from tandemclip.backends.parity import compare, compare_long, compare_training
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.update import AdamW
from tandemclip.tools import parity

CLIPS = ("tiny_clip_vit", "tiny_clip_rn", "tiny_pyramidclip_vit", "tiny_pyramidclip_rn")
UNICL = (
    "tiny_unicl_swin",
    "tiny_unicl_resnet",
    "tiny_unicl_bert",
    "tiny_multi_task_swin",
    "tiny_supcon_swin",
    "tiny_cross_entropy_resnet",
)
MIXED = [  # `make test` has the first, and test-full the other, whose targets are mixed alike
    ("tiny_unicl_swin", {"method": {"mixup": 0.8, "cutmix": 1.0, "alpha": 0.1}}),
    pytest.param("tiny_cross_entropy_resnet", {"method": {"mixup": 0.8, "cutmix": 1.0}}, marks=pytest.mark.slow),
]
LIGHTCLIP = "tiny_lightclip_swin"
# what the papers, or most people today, train beside these
PEERS = (
    "tiny_siglip_vit",
    "tiny_slip_vit",
    "tiny_filip_vit",
    "tiny_filip_rn",
    "tiny_declip_vit",
    "tiny_declip_rn",
    "tiny_defilip_vit",
)
LATER = ("tiny_filip_rn", "tiny_declip_rn", "tiny_defilip_vit")  # of which another one of the kind is in EAGER
EAGER = (  # one of each kind: PyNative takes seconds a step
    *("tiny_clip_vit", "tiny_clip_rn", "tiny_unicl_swin", "tiny_unicl_bert", LIGHTCLIP),
    *(name for name in PEERS if name not in LATER),
)
LEVELS = {"judge", "node", "term", "gradient", "update", "moment", "step"}
STEPS = 20


def subject_of(root, name, overrides=None) -> Subject:
    config, _ = read(root / "configs" / "pretrain" / f"{name}.yaml", overrides)
    return parity.subject(config, initial_weights(config.method, config.training.seed), STEPS)


# whose methods and tower are there in others; test-full has them with PyNative
COVERED = ("tiny_filip_rn", "tiny_declip_rn")
NAMES = [name for name in (*CLIPS, *UNICL, LIGHTCLIP, *PEERS) if name not in COVERED]


@pytest.mark.parametrize("name, overrides", [*((name, None) for name in NAMES), *MIXED])
def test_engines_agree(root, name, overrides):
    agree(root, name, overrides, eager=("initial",) if name in EAGER and not overrides else ())


@pytest.mark.slow
@pytest.mark.parametrize("name", [*LATER, *EAGER])
def test_engines_agree_in_pynative_too(root, name):
    agree(root, name, None, eager=("initial", "trained") if name in LATER else ("trained",))


def agree(root, name, overrides, eager):
    """In every phase of the method, from initial weights and from trained ones. eager: where PyNative is held too."""
    initial = subject_of(root, name, overrides)
    judge, engines = parity.engines(initial)
    compiled = {name: engine for name, engine in engines.items() if name != parity.EAGER}
    starts = {"initial": initial, "trained": replace(initial, weights=parity.trained(initial, judge))}
    for begun, start in starts.items():
        phases = start.phases()
        assert len(phases) == (3 if name == LIGHTCLIP else 1)
        for phase, at in phases.items():
            rows = compare(at, judge, engines if begun in eager else compiled)
            rows += compare_training(at, judge, compiled)
            assert {row.level for row in rows} == LEVELS | ({"choice"} if name == LIGHTCLIP else set())
            assert not [row for row in rows if not row.agrees], phase


@pytest.mark.parametrize(
    "name", [pytest.param("tiny_lightclip_resnet", marks=pytest.mark.slow), "tiny_lightclip_mobilenet"]
)
def test_engines_agree_on_lightclips_convolutional_towers(root, name):
    """The method is the Swin's: one phase, compiled."""
    start = [*subject_of(root, name).phases().values()][-1]
    judge, engines = parity.engines(start)
    del engines[parity.EAGER]
    rows = compare(start, judge, engines) + compare_training(start, judge, engines)
    assert {row.level for row in rows} == LEVELS | {"choice"}
    assert not [row for row in rows if not row.agrees]


def test_a_long_run_parts_no_further_than_rounding_makes_it(root):
    start = replace(subject_of(root, "tiny_clip_rn"), batches=2 * subject_of(root, "tiny_clip_rn").batches)
    torch, mindspore = (backends.load(name)(start.method, start.weights, start.rule) for name in ("torch", "mindspore"))
    wrong = backends.load("torch")(start.method, start.weights, replace(start.rule, beta2=0.99 * start.rule.beta2))
    found = {
        row.engine: row for row in compare_long(start, torch, {"mindspore": mindspore, "wrong": wrong, "same": torch})
    }
    assert found["mindspore"].agrees and not found["wrong"].agrees
    assert found["same"].error == 0.0 < found["mindspore"].error < found["mindspore"].tolerance < 0.1


# ------------------------------------------------------------------ mutations
class RootedEps(AdamW):
    def __call__(self, ops, weights, gradient, state, rate, corrections, decay):
        first = state["first"] * self.beta1 + gradient * (1 - self.beta1)
        second = state["second"] * self.beta2 + gradient * gradient * (1 - self.beta2)
        step = first / corrections[0] / ops.sqrt(second / corrections[1] + self.eps)
        return weights - (step + weights * decay) * rate, {"first": first, "second": second}


class Uncorrected(AdamW):
    def __call__(self, ops, weights, gradient, state, rate, corrections, decay):
        return super().__call__(ops, weights, gradient, state, rate, (1.0, 1.0), decay)


@dataclass
class Faulty:
    """A torch engine with something wrong on the way in or out."""

    engine: object

    def __getattr__(self, name):
        return getattr(self.engine, name)


class Transposed(Faulty):
    def load(self, weights, moments=None):
        name = "text.blocks.0.attention.output.weight"
        self.engine.load({**weights, name: weights[name].T.copy()}, moments)


class NotANumber(Faulty):
    def named_gradients(self, backward):
        found = self.engine.named_gradients(backward)
        found["logit_scale"] = np.full_like(found["logit_scale"], np.nan)
        return found


class Shorter(Faulty):
    def named_gradients(self, backward):
        found = self.engine.named_gradients(backward)
        found.pop("logit_scale")
        return found


class Stale(Faulty):
    """Returns the first call's gradients for ever, as MindSpore's mode "trace" does."""

    first = None

    def backward(self, batch, elapsed, scale=1.0):
        found = self.engine.backward(batch, elapsed, scale)
        Stale.first = Stale.first or found.gradients
        return replace(found, gradients=Stale.first)


def mutated(subject, mutation):
    make = backends.load("torch")
    method, rule = subject.method, subject.rule
    if mutation == "wrong eps":
        method = replace(method, text=replace(method.text, eps=1e-6))
    elif mutation == "dropped term":
        method = replace(method, weights=replace(method.weights, RT=0.0))
    elif mutation == "no weight decay":
        rule = replace(rule, decay=0.0)
    elif mutation == "no bias correction":
        rule = Uncorrected(**vars(rule))
    elif mutation == "eps inside the root":
        rule = RootedEps(**vars(rule))
    engine = make(method, subject.weights, rule)
    wrong = {
        "transposed weight": Transposed,
        "not a number": NotANumber,
        "shorter tuple": Shorter,
        "stale gradient": Stale,
    }
    return wrong[mutation](engine) if mutation in wrong else engine


@pytest.fixture(scope="module")
def pyramid(root):
    return subject_of(root, "tiny_pyramidclip_vit")


@pytest.mark.parametrize(
    "mutation, level, first",
    [
        ("wrong eps", "node", "text.blocks.0.attention_norm"),
        ("transposed weight", "node", "text.blocks.0.attention.output"),
        ("dropped term", "term", "RT"),
        ("no weight decay", "update", None),
        ("no bias correction", "update", None),
        ("eps inside the root", "update", None),
        ("not a number", "gradient", "logit_scale"),
        ("shorter tuple", "gradient", "logit_scale"),
        ("stale gradient", "step", None),
    ],
)
def test_a_fault_is_noticed_and_named(pyramid, mutation, level, first):
    make = backends.load("torch")
    judge = make.float64(pyramid.method, pyramid.weights, pyramid.rule)
    engines = {mutation: mutated(pyramid, mutation)}
    rows = compare_training(pyramid, judge, engines) if level == "step" else compare(pyramid, judge, engines)
    out = [row for row in rows if not row.agrees]
    assert level in {row.level for row in out}
    assert first is None or first in {row.first_out for row in out if row.level == level}


def test_the_tool_fails_below_rounding(root, tmp_path, capsys):
    config = str(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")
    report = tmp_path / "report.json"
    code = parity.main(
        [
            "--config",
            config,
            "--steps",
            "2",
            "--tolerance",
            "1e-12",
            "--json",
            str(report),
            "--set",
            "training.steps=20",
        ]
    )
    assert code == 1 and report.exists()
    assert "out of tolerance first: " in capsys.readouterr().out
