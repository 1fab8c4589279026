"""The update rules against torch.optim's in float64, and the engines' own updates against the judge's."""

import gc
from dataclasses import dataclass
from functools import partial

import mindspore as ms
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


def test_a_groups_rate_scales_the_step_and_its_decay_takes_the_rules_place():
    tuning = Tuning((Pattern("matrix", 0.5), Pattern("kernel", decay=0.0)))
    whole, tuned, bare = (judged(*given)[0][0] for given in ((SGD(), 1), (SGD(), 1, 1.0, tuning), (SGD(0.0), 1)))
    start = initial_weights(Few(), 0)
    move = lambda found, name: found[name]["weight"] - start[name]
    np.testing.assert_allclose(move(tuned, "matrix"), 0.5 * move(whole, "matrix"), rtol=0, atol=1e-15)
    assert np.array_equal(tuned["kernel"]["weight"], bare["kernel"]["weight"])
    assert not np.array_equal(tuned["kernel"]["weight"], whole["kernel"]["weight"])
    assert all(np.array_equal(tuned[name]["weight"], whole[name]["weight"]) for name in OTHERS)


def test_the_average_follows_the_weights():
    """From the weights at the start on, after the clamp."""
    average = {n: w.astype(np.float64) for n, w in initial_weights(Few(), 0).items()}
    for found, _ in judged(AdamW(), 4, 1.0, Tuning(average=0.9)):
        for name, kinds in found.items():
            average[name] = 0.9 * average[name] + 0.1 * kinds["weight"]
            np.testing.assert_allclose(kinds[AVERAGE], average[name], rtol=1e-14)


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


TUNED = Tuning((Pattern("matrix", 0.5, 0.03),), average=0.9)


@pytest.mark.parametrize("rule, tuning", [(AdamW(), Tuning()), (SGD(), Tuning()), (AdamW(), TUNED)])
@pytest.mark.parametrize("make, limit", [(TorchEngine, 1e-6), (DOUBLE, 1e-12), (MindSporeEngine, 1e-6)])
def test_three_updates_of_an_engine_from_given_gradients(make, limit, rule, tuning):
    engine = make(Few(), initial_weights(Few(), 0), rule, tuning=tuning)
    frozen = engine.weights()["frozen"]
    for step, (state, norm) in enumerate(judged(rule, 3, 1.0, tuning)):
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


@pytest.mark.parametrize("tuning", [Tuning(), TUNED])
@pytest.mark.parametrize("make", [TorchEngine, MindSporeEngine])
def test_an_engine_goes_on_from_loaded_weights_and_moments(make, tuning):
    rule, engines = AdamW(), []
    for _ in range(2):
        engines.append(make(Few(), initial_weights(Few(), 0), rule, tuning=tuning))
    for step in range(2):
        engines[0].update(engines[0].with_gradients(gradients(step)), Rates(RATES[step], *rule.corrections(step + 1)))
    engines[1].load(engines[0].weights(), engines[0].moments() | {"third.matrix": np.zeros(3)})  # of another rule
    for engine in engines:
        engine.update(engine.with_gradients(gradients(2)), Rates(RATES[2], *rule.corrections(3)))
    for a, b in zip((engines[0].weights(), engines[0].moments()), (engines[1].weights(), engines[1].moments())):
        assert a.keys() == b.keys() and all((a[name] == b[name]).all() for name in a)


@pytest.mark.parametrize("make", [TorchEngine, MindSporeEngine])
def test_loading_weights_alone_begins_anew(make):
    """What was remembered is forgotten: the same update as a new engine's."""
    rule, start = AdamW(), initial_weights(Few(), 0)
    used, new = (make(Few(), start, rule, tuning=TUNED) for _ in range(2))
    used.update(used.with_gradients(gradients(0)), Rates(RATES[0], *rule.corrections(1)))
    used.load(start)
    for engine in (used, new):
        engine.update(engine.with_gradients(gradients(1)), Rates(RATES[1], *rule.corrections(1)))
    assert all((array == new.moments()[name]).all() for name, array in used.moments().items())


@dataclass(frozen=True)
class Doubled(Spec):
    """One vector of a length that nothing else has."""

    def parameters(self):
        return {"vector": Parameter((12_347,), Normal(1.0))}

    def double(self, ops, p, x):
        return p["vector"] * x


@pytest.mark.parametrize("make, kind", [(TorchEngine, torch.Tensor), (MindSporeEngine, ms.Tensor)])
def test_inference_remembers_nothing(make, kind):
    """AdamW's two moments are there from the first update on, or as soon as they are loaded."""

    def vectors():
        gc.collect()
        return sum(issubclass(type(x), kind) and tuple(x.shape) == (12_347,) for x in gc.get_objects())

    engine, rule = make(Doubled(), initial_weights(Doubled(), 0), AdamW()), AdamW()
    before = vectors()
    engine.apply("double", np.float32([2.0]))
    engine.load(engine.weights())
    assert vectors() == before
    engine.update(engine.with_gradients(engine.weights()), Rates(0.1, *rule.corrections(1)))
    assert vectors() == before + 2
    engine.load(engine.weights())
    assert vectors() == before
    engine.load(engine.weights(), {f"{kind}.vector": np.zeros(12_347, np.float32) for kind in rule.state})
    assert vectors() == before + 2


@pytest.mark.parametrize("make", [TorchEngine, MindSporeEngine])
def test_weights_and_average_change_places(make):
    rule = AdamW()
    engine = make(Few(), initial_weights(Few(), 0), rule, tuning=TUNED)
    engine.update(engine.with_gradients(gradients(0)), Rates(RATES[0], *rule.corrections(1)))
    weights, moments = engine.weights(), engine.moments()
    engine.exchange_average()
    exchanged, average = engine.weights(), {name: moments[f"{AVERAGE}.{name}"] for name in (*DECAYING, *OTHERS)}
    assert all((exchanged[name] == array).all() for name, array in average.items())
    assert (exchanged["frozen"] == weights["frozen"]).all() and (exchanged["matrix"] != weights["matrix"]).any()
    engine.exchange_average()
    assert all((engine.weights()[name] == array).all() for name, array in weights.items())
    assert all((engine.moments()[name] == array).all() for name, array in moments.items())
