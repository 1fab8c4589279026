"""What is out of tolerance is held against what one ulp of every weight does to the judge."""

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.backends.judge import flat, judged, step, with_margin
from tandemclip.backends.rounding import TOLERANCES, Rounding, one_ulp_beside
from tandemclip.core.closeness import errors
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.tools import parity


@pytest.fixture(scope="module")
def limits(root):
    config, _ = read(root / "configs" / "pretrain" / "tiny_clip_rn.yaml")
    subject = parity.subject(config, initial_weights(config.method, 0), 1)
    batch, found = with_margin(subject)
    judge = backends.load("torch").float64(subject.method, subject.weights, subject.rule)
    return Rounding(subject, judge, batch, found, judge.named_gradients(step(subject, judge, batch, found.chosen)))


def farthest(limits, level):
    """{name: the largest error of the judge at three sets of weights one ulp beside}"""
    moved = []
    for weights in (one_ulp_beside(limits.subject.weights, seed) for seed in range(3)):
        found = judged(limits.subject, limits.batch, weights, limits.at)
        if level == "node":
            moved.append(errors(flat(found.nodes), flat(limits.at.nodes), "output"))
        elif level == "term":
            moved.append(errors(found.terms, limits.at.terms, "output"))
        else:
            limits.judge.load(weights)
            gradients = limits.judge.named_gradients(step(limits.subject, limits.judge, limits.batch, limits.at.chosen))
            moved.append(errors(gradients, limits.gradients, "gradient"))
    return {name: max(each[name] for each in moved) for name in moved[0]}


@pytest.mark.parametrize("level", ["node", "term", "gradient"])
def test_what_is_out_may_be_three_times_as_far_as_one_ulp_puts_the_judge(limits, level, monkeypatch):
    far = farthest(limits, level)
    assert 1e-8 < max(far.values()) < TOLERANCES[level]
    monkeypatch.setitem(TOLERANCES, level, 1e-12)
    near, out = ({name: share * each for name, each in far.items() if each > 1e-9} for share in (2.9, 3.1))
    assert max(limits.beyond(level, near).values()) == pytest.approx(1e-12 * 2.9 / 3)
    assert min(limits.beyond(level, out).values()) == pytest.approx(1e-12 * 3.1 / 3)


@pytest.mark.parametrize("level", ["node", "term", "gradient"])
def test_what_is_within_tolerance_stays_as_it_is(limits, level):
    limit = TOLERANCES[level]
    calm = {"calm": 0.9 * limit}
    assert limits.beyond(level, calm) == calm
    out = {"calm": 0.9 * limit, "out": 1.1 * limit, "lost": np.inf, "nan": np.nan}  # which the judge does not know
    assert limits.beyond(level, out) == pytest.approx(out, nan_ok=True)


def test_without_a_judge_of_gradients_only_the_tolerance_counts(limits):
    alone = Rounding(limits.subject, None, limits.batch, limits.at, None)
    assert alone.beyond("gradient", {"w": 1.0}) == {"w": 1.0}


def test_one_ulp_is_one_ulp():
    weights = {"w": np.array([1.0, -3.0, 0.0, 1e-30] * 50, np.float32)}
    moved = one_ulp_beside(weights, 0)["w"]
    assert moved.dtype == np.float32 and not np.array_equal(moved, one_ulp_beside(weights, 1)["w"])
    up, down = (np.nextafter(weights["w"], np.float32(end)) for end in (np.inf, -np.inf))
    assert {*(moved == up)} == {True, False} and np.array_equal(moved == up, moved != down)
