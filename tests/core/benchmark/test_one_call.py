"""Calls by themselves compute what the vocabulary says: every call of two methods' steps, against numpy."""

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.backends.recorder.draws import training_views
from tandemclip.backends.recorder.record import record_step
from tandemclip.backends.reference.ops import Reference
from tandemclip.core.benchmark.one_call import NOTHING, Given, OneCall, ready
from tandemclip.core.benchmark.operators import distinct
from tandemclip.core.data.views.view import batch_arrays
from tandemclip.core.spec import Run, Scope, initial_weights
from tandemclip.core.training.config import read


def calls_of(root, name):
    method = read(root / "configs" / "pretrain" / f"{name}.yaml")[0].method
    return record_step(method, batch_arrays(training_views(method), 4)).program.calls


def judged(call):
    arrays = {name: array.astype(np.float64) for name, array in initial_weights(call, 0).items()}
    return Scope(call, Run(Reference(), arrays, False)).result(NOTHING)


@pytest.mark.parametrize("name", ["tiny_pyramidclip_vit", "tiny_pyramidclip_rn"])
def test_every_call_of_a_step(root, name):
    calls = distinct(calls_of(root, name))
    assert len(calls) > 50
    for call, _ in calls:
        found, expected = ready(backends.load("torch"), call)(), judged(call)
        assert np.isfinite(expected) and found == pytest.approx(float(expected), rel=1e-4, abs=1e-6), call


@pytest.mark.parametrize(
    "function, expected",
    [
        ("add", lambda x, y: x + y),
        ("subtract", lambda x, y: x - y),
        ("multiply", lambda x, y: x * y),
        ("divide", lambda x, y: x / y),
        ("maximum", max),
        ("batch_norm", lambda x, y: 0.0),  # one row is its own mean: the first output, not the statistics
    ],
)
def test_a_call_is_what_it_says(function, expected):
    more = (Given((3,)), 1e-5) if function == "batch_norm" else ()
    call = OneCall(function, (Given((1, 3)), Given((3,)), *more))
    given = initial_weights(call, 0)
    bias = given["x2"][0] if more else 0.0
    assert ready(backends.load("torch"), call)() == pytest.approx(
        expected(given["x0"][0, 0], given["x1"][0]) + bias, rel=1e-5
    )


def test_on_the_engine_that_compiles():
    bools = OneCall("where", (Given((3, 4), "bool"), Given((3, 4)), 2.0))
    ids = OneCall("take", (Given((9, 2)), Given((5,), "int")))
    for call in (bools, ids, OneCall("getitem", (Given((3, 4)), (slice(1, 3), 2)))):
        assert ready(backends.load("mindspore"), call)() == pytest.approx(float(judged(call)), rel=1e-6)


def test_calls_that_are_alike_are_one(root):
    recorded = calls_of(root, "tiny_pyramidclip_rn")
    calls = distinct(recorded)
    assert sum(count for _, count in calls) == len(recorded) > len(calls) == len({repr(call) for call, _ in calls})
    strides = {call.arguments[2] for call, _ in calls if call.function == "conv2d"}
    assert strides == {1, 2}  # what is no array tells calls apart too


def test_it_is_told_by_its_shapes():
    assert str(OneCall("concat", ((Given((2, 3)), Given((2, 1))), 1))) == "concat 2×3, 2×1"
    assert str(OneCall("exp", (Given(()),))) == "exp scalar"
