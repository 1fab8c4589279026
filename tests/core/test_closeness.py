"""The measure of agreement notices what it is there to notice."""

import numpy as np
import pytest

from tandemclip.core.closeness import error, errors, rms

INFINITE = float("inf")


def test_closed_form():
    b = np.array([3.0, -4.0, 0.0, 0.0])  # rms 2.5
    assert error(b, b) == 0.0
    assert error(b + [0, 0, 0.25, 0], b) == pytest.approx(0.25 / 2.5)
    assert error(b + [0.55, 0, 0, 0], b) == pytest.approx(0.1)
    assert error(b + [0, 0, 0.25, 0], b, floor=10.0) == pytest.approx(0.025)
    assert error(b + [0, 0, 0.25, 0], b, floor=1.0) == pytest.approx(0.1)
    assert error(np.float32(2.0), np.float32(1.0)) == pytest.approx(0.5)


def test_scale_does_not_matter():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 5, 7))
    assert error(a * 1e-30, b * 1e-30) == pytest.approx(error(a, b)) == pytest.approx(error(-a * 8, -b * 8))


def test_float32_is_not_rounded_before_it_is_compared():
    assert 0 < error(np.float32(0.1), np.float64(0.1)) < 1e-8


@pytest.mark.parametrize(
    "a, b",
    [
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros(()), np.zeros(1)),
        (np.ones(2), np.ones(3)),
        (np.zeros(2, np.int32), np.zeros(2)),
        (np.array([True]), np.array([1])),
        (np.array([np.nan, 1.0]), np.ones(2)),
        (np.array([np.nan]), np.array([np.nan])),
        (np.array([np.inf]), np.array([np.inf])),
        (np.ones(2), np.array([1.0, np.nan])),
        (np.array([1, 2]), np.array([1, 3])),
        (np.array([1e-30, 0.0]), np.zeros(2)),
    ],
)
def test_infinite(a, b):
    assert error(a, b) == INFINITE


def test_discrete_and_empty_arrays_agree_when_equal():
    assert error(np.array([1, 2], np.int32), np.array([1, 2])) == 0.0
    assert error(np.array([True]), np.array([True])) == 0.0
    assert error(np.zeros((0, 3)), np.zeros((0, 3))) == 0.0
    assert error(np.zeros(3), np.zeros(3)) == 0.0


def test_a_name_that_one_side_lacks_is_flagged():
    both = {"a": np.ones(2), "b": np.ones(3)}
    assert errors({"a": both["a"]}, both, "output") == {"a": 0.0, "b": INFINITE}
    assert errors(both, {"a": both["a"]}, "output") == {"a": 0.0, "b": INFINITE}
    assert errors({}, {"a": np.ones(1)}, "gradient") == {"a": INFINITE}
    assert errors({}, {}, "output") == {}


def test_the_floor_is_a_thousandth_of_the_median():
    judge = {"one": np.full(4, 2.0), "two": np.full(4, 2.0), "small": np.full(4, 1e-6)}
    found = {**judge, "small": np.full(4, 3e-6)}
    assert errors(found, judge, "output")["small"] == pytest.approx(2e-6 / (1e-6 + 2e-3))
    found["small"] = np.full(4, 2.0)
    assert errors(found, judge, "output")["small"] > 100


def test_a_gradient_that_is_zero_in_theory():
    judge = {"one": np.full(4, 2.0), "two": np.full(4, 2.0), "bias": np.full(4, 1e-10)}
    noise = {**judge, "bias": np.array([1e-4, -1e-5, 0, 0], np.float32)}
    assert errors(noise, judge, "gradient")["bias"] == pytest.approx(5e-5)
    assert errors({**judge, "bias": np.ones(4)}, judge, "gradient")["bias"] == 0.5
    for wrong in (np.ones(3), np.full(4, np.nan), np.zeros(4, np.int32)):
        assert errors({**judge, "bias": wrong}, judge, "gradient")["bias"] == INFINITE
    assert errors(noise, judge, "output")["bias"] > 1e-2  # an output has no such excuse


def test_a_norms_weight_and_bias_are_measured_by_the_larger_of_the_two():
    """Where a later norm takes the change back one nearly cancels; a linear map's bias has no such partner."""
    rng = np.random.default_rng(0)
    judge = {name: rng.standard_normal(8) for name in ("norm.bias", "linear.bias", "other")}
    judge |= {"norm.weight": 1e-4 * rng.standard_normal(8), "linear.weight": 1e4 * rng.standard_normal((8, 8))}
    off = {name: array + 1e-6 for name, array in judge.items()}
    found = errors(off, judge, "gradient")
    assert found["norm.weight"] == pytest.approx(
        error(off["norm.weight"], judge["norm.weight"], rms(judge["norm.bias"]))
    )
    assert found["norm.weight"] < 2e-6 < 1e-4 < errors(off, judge, "output")["norm.weight"]
    assert found["linear.bias"] == error(off["linear.bias"], judge["linear.bias"], 0.0)


def test_a_judge_that_is_not_finite_fails_its_own_name_only():
    judge = {"a": np.ones(2), "b": np.array([np.nan, 1.0]), "c": np.ones(2)}
    report = errors({**judge, "c": np.full(2, 1.5)}, judge, "output")
    assert report == {"a": 0.0, "b": INFINITE, "c": pytest.approx(0.25)}
