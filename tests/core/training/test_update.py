"""The update rules against torch.optim's in float64, and the engines' own updates against the judge's."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch

from tandemclip.backends.mindspore.engine import Engine as MindSporeEngine
from tandemclip.backends.reference.ops import Reference
from tandemclip.backends.torch.engine import Engine as TorchEngine
from tandemclip.core.config.build import build
from tandemclip.core.errors import UserError
from tandemclip.core.random import generator
from tandemclip.core.spec import Constant, Normal, Parameter, Spec, initial_weights
from tandemclip.core.training.engine import Rates
from tandemclip.core.training.settings import Training
from tandemclip.core.training.tuning import Pattern, Tuning
from tandemclip.core.training.update import AVERAGE, SGD, AdamW, update_group

DOUBLE = partial(TorchEngine, dtype=torch.float64, device="cpu")
CLAMP = np.float32(np.log(100.0))
RATES = (1e-3, 5e-2, 2e-2, 1e-2, 1e-3)


@dataclass(frozen=True)
class Few(Spec):
    """A matrix, a kernel, a vector, a frozen matrix, and two scalars of which one is clamped."""

    def parameters(self):
        return {
            "matrix": Parameter((4, 3), Normal(1.0)),
            "logit_scale": Parameter((), Constant(4.6), maximum=float(np.log(100.0))),
            "kernel": Parameter((2, 1, 3, 3), Normal(0.1)),
            "vector": Parameter((5,), Normal(1.0)),
            "frozen": Parameter((3, 3), Normal(1.0), trainable=False),
            "free": Parameter((), Constant(4.6)),
        }


DECAYING, OTHERS = ["matrix", "kernel"], ["logit_scale", "vector", "free"]


def gradients(step):
    """Of very different sizes; the scalars' push upwards, against the clamp."""
    rng = generator("update", step)
    trainable = {n: p.shape for n, p in Few().all_parameters() if p.trainable}
    drawn = {n: rng.standard_normal(shape) * 10.0 ** rng.integers(-6, 2) for n, shape in trainable.items()}
    return drawn | {"logit_scale": np.array(-1.0), "free": np.array(-1.0)}


def judged(rule, steps, factor=1.0, tuning=Tuning()):
    """numpy float64: after each step {name: {"weight": array, "first": array, ...}} and the norm of the change."""
    ops, parts = Reference(), tuning.groups(Few(), rule)
    arrays = {n: w.astype(np.float64) for n, w in initial_weights(Few(), 0).items()}
    vectors = [part.flatten(ops, arrays) for part in parts]
    zeros = lambda i: {name: np.zeros(parts[i].size) for name in rule.state}
    states = [zeros(i) | ({AVERAGE: vectors[i]} if tuning.average else {}) for i in range(len(parts))]
    history = []
    for step in range(steps):
        squares, found = 0.0, {}
        for i, part in enumerate(parts):
            vectors[i], states[i], square = update_group(
                ops, rule, part, vectors[i], part.flatten(ops, gradients(step)), states[i], rate=RATES[step],
                corrections=rule.corrections(step + 1), factor=factor,
            )  # fmt: skip
            squares += square
            for kind, vector in {"weight": vectors[i], **states[i]}.items():
                for name, array in part.split(ops, vector).items():
                    found.setdefault(name, {})[kind] = array
        history.append((found, squares**0.5))
    return history


def torchs(rule, groups):
    """(its optimiser, the names of its moments)"""
    if isinstance(rule, SGD):
        return torch.optim.SGD(groups, lr=1.0, momentum=rule.momentum), ("momentum_buffer",)
    return torch.optim.AdamW(groups, betas=(rule.beta1, rule.beta2), eps=rule.eps), ("exp_avg", "exp_avg_sq")


RULES = {"CLIP's": AdamW(), "others": AdamW(0.05, 0.8, 0.999, 1e-8), "sgd": SGD(), "no momentum": SGD(0.1, 0.0)}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_rule_is_torchs(rule):
    weights = {n: torch.tensor(w.astype(np.float64), requires_grad=True) for n, w in initial_weights(Few(), 0).items()}
    theirs, kept = torchs(
        rule,
        [
            {"params": [weights[n] for n in DECAYING], "weight_decay": rule.decay},
            {"params": [weights[n] for n in OTHERS], "weight_decay": 0.0},
        ],
    )
    for step, (state, norm) in enumerate(judged(rule, len(RATES))):
        before = {name: weights[name].detach().clone() for name in (*DECAYING, *OTHERS)}
        for name, gradient in gradients(step).items():
            weights[name].grad = torch.tensor(gradient)
        for group in theirs.param_groups:
            group["lr"] = RATES[step]
        theirs.step()
        with torch.no_grad():
            weights["logit_scale"].clamp_(max=float(CLAMP))
        for name in (*DECAYING, *OTHERS):
            right, moments = weights[name].detach(), theirs.state[weights[name]]
            theirs_by_kind = {
                "weight": right,
                **{kind: moments[n] for kind, n in zip(rule.state, kept) if moments.get(n) is not None},
            }
            for kind, other in theirs_by_kind.items():
                np.testing.assert_allclose(state[name][kind], other.numpy(), rtol=1e-12, atol=0)
        change = sum((weights[n].detach() - before[n]).square().sum() for n in before)
        assert norm == pytest.approx(float(change) ** 0.5, rel=1e-11)


def test_only_the_scalar_with_a_maximum_is_clamped():
    state = judged(AdamW(), 3)[-1][0]
    assert state["logit_scale"]["weight"] == CLAMP < state["free"]["weight"]


def test_the_groups_hold_what_trains_and_those_that_decay_come_first():
    first, second = Tuning().groups(Few(), AdamW(decay=0.3))
    assert (list(first.places), first.decay, first.maximum) == (DECAYING, 0.3, None)
    assert (list(second.places), second.decay) == (OTHERS, 0.0)
    assert second.maximum.tolist() == [CLAMP] + 6 * [np.finfo(np.float32).max]


def test_an_empty_group_is_left_out():
    @dataclass(frozen=True)
    class Vector(Spec):
        def parameters(self):
            return {"vector": Parameter((5,), Normal(1.0))}

    assert [list(group.places) for group in Tuning().groups(Vector(), AdamW())] == [["vector"]]


def test_flatten_and_split_are_inverse():
    ops, arrays = Reference(), initial_weights(Few(), 0)
    for group in Tuning().groups(Few(), AdamW()):
        vector = group.flatten(ops, arrays)
        assert vector.shape == (group.size,)
        split = group.split(ops, vector)
        assert {n: a.shape for n, a in split.items()} == {n: group.parameters[n].shape for n in split}
        assert all((split[n] == arrays[n]).all() for n in split)


def test_the_factor_scales_the_gradient():
    """As clipping does: half the gradient gives half the first moment and a quarter of the second."""
    whole, half = judged(AdamW(), 1)[0][0], judged(AdamW(), 1, 0.5)[0][0]
    for name in whole:
        np.testing.assert_allclose(half[name]["first"], whole[name]["first"] / 2, rtol=1e-14)
        np.testing.assert_allclose(half[name]["second"], whole[name]["second"] / 4, rtol=1e-14)


def test_corrections_are_exact_where_float32_is_not():
    rule = AdamW(beta2=0.999)
    for count in (1, 2, 1000):
        exact = -np.expm1(count * np.log1p(-0.001))
        assert rule.corrections(count)[1] == pytest.approx(exact, rel=1e-12)


def test_a_configuration_names_the_rule_or_changes_the_usual_one():
    training = lambda **more: build(Training, {"batch_size": 8, "learning_rate": 0.1, "steps": 3} | more).update
    assert training() == AdamW() and training(update={"decay": 0.1}) == AdamW(0.1)
    assert training(update={"type": "sgd", "momentum": 0.5}) == SGD(momentum=0.5) and training(update="sgd") == SGD()
    with pytest.raises(UserError, match="unknown key 'momentum' in update"):
        training(update={"momentum": 0.5})


def error(a, b):
    if np.array_equal(a, b):
        return 0.0
    return np.max(np.abs(a - b) / (np.abs(b) + np.sqrt(np.mean(b * b))))


@pytest.mark.parametrize("rule", [AdamW(), SGD()], ids=["adamw", "sgd"])
@pytest.mark.parametrize("make, limit", [(TorchEngine, 1e-6), (DOUBLE, 1e-12), (MindSporeEngine, 1e-6)])
def test_three_updates_of_an_engine_from_given_gradients(make, limit, rule):
    engine = make(Few(), initial_weights(Few(), 0), rule)
    frozen = engine.weights()["frozen"]
    for step, (state, norm) in enumerate(judged(rule, 3)):
        backward = engine.with_gradients(gradients(step))
        named = engine.named_gradients(backward)
        assert all(error(named[name], g) < limit for name, g in gradients(step).items())
        squares = sum(np.sum(np.square(g)) for g in gradients(step).values())
        assert backward.norm == pytest.approx(squares**0.5, rel=max(limit, 1e-12))
        change = engine.update(backward, Rates(RATES[step], *rule.corrections(step + 1)))
        weights, moments = engine.weights(), engine.moments()
        # in float32 the change is a difference of nearly equal weights
        assert change == pytest.approx(norm, rel=1e-3 if limit > 1e-9 else 1e-10)
        for name, kinds in state.items():
            assert error(weights[name], kinds.pop("weight")) < limit, name
            assert all(error(moments.pop(f"{kind}.{name}"), array) < limit for kind, array in kinds.items()), name
        assert not moments
    assert (engine.weights()["frozen"] == frozen).all()


@pytest.mark.parametrize("make", [TorchEngine, MindSporeEngine])
def test_an_engine_goes_on_from_loaded_weights_and_moments(make):
    rule, engines = AdamW(), []
    for _ in range(2):
        engines.append(make(Few(), initial_weights(Few(), 0), rule))
    for step in range(2):
        engines[0].update(engines[0].with_gradients(gradients(step)), Rates(RATES[step], *rule.corrections(step + 1)))
    engines[1].load(engines[0].weights(), engines[0].moments())
    for engine in engines:
        engine.update(engine.with_gradients(gradients(2)), Rates(RATES[2], *rule.corrections(3)))
    for a, b in zip((engines[0].weights(), engines[0].moments()), (engines[1].weights(), engines[1].moments())):
        assert all((a[name] == b[name]).all() for name in a)
