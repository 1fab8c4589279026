"""The arithmetic of the tables on numbers that can be checked by hand, and the steps that they time."""

import time
from dataclasses import replace

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.benchmark import configurations, data, operators, steps, towers
from tandemclip.core.benchmark.choice import timed
from tandemclip.core.benchmark.one_call import Given, OneCall
from tandemclip.core.benchmark.operators import Cost
from tandemclip.core.benchmark.start import Start
from tandemclip.core.benchmark.start import section as start_section
from tandemclip.core.data.sources.source import Source
from tandemclip.core.methods.features import START
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.engine import Rates
from tandemclip.core.training.global_batch import backward
from tandemclip.core.training.start import tokenizer_of
from tandemclip.tools.parity import subject


@pytest.fixture
def config(root):
    return read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")[0]


# ------------------------------------------------------------------ steps
def test_ratio_and_share():
    """Products of 2 x 1024^3 operations in 0.2 s each; a step that needs 3 x 1024^3 in 0.4 s works at three quarters of
    that rate.
    """
    times = steps.Times(
        {"a": 1.0, "b": 9.0},
        {"a": [0.4, 0.4, 9.0], "b": [1.0, 0.8, 0.1]},
        [steps.PRODUCTS * seconds for seconds in (0.2, 0.2, 0.1)],
    )
    found = steps.section(times, 10, {"a": 3 * 1024**3, "b": 3 * 1024**3})
    assert found.rows == (
        ("a", "1.0 s", "400 ms", "25.0", "1.00", "8.05", "75%"),
        ("b", "9.0 s", "800 ms", "12.5", "2.00", "4.03", "38%"),
    )
    assert "times a's" in found.columns and "10.7 GFLOP/s" in found.note and "3.22 GFLOP on a, of texts" in found.note


def test_a_timed_step_is_a_training_step(config):
    start = subject(config, initial_weights(config.method, 0), 6)
    one, other = (backends.load("torch")(start.method, start.weights, start.rule) for _ in range(2))
    stepper = steps.Stepper(one, start.batches[:2], start.rule, 1e-3, [])
    assert all(
        np.array_equal(one.weights()[name], array) for name, array in start.weights.items()
    )  # the first changes nothing
    for count in range(1, 4):
        stepper()
        batch = start.batches[(count - 1) % 2]
        other.update(backward(other, batch, START), Rates(1e-3, *start.rule.corrections(count)))
    assert all(np.array_equal(one.weights()[name], array) for name, array in other.weights().items())


def test_a_step_knows_how_long_its_method_chose(root):
    config = read(root / "configs" / "pretrain" / "tiny_lightclip_resnet.yaml")[0]
    start, choices = subject(config, initial_weights(config.method, 0), 6), []
    one = backends.load("torch")(timed(start.method, choices), start.weights, start.rule)
    other = backends.load("torch")(start.method, start.weights, start.rule)
    stepper = steps.Stepper(one, start.batches[:1], start.rule, 1e-3, choices)
    for count in (1, 2):  # of a step each, not of all so far
        step = stepper()
        assert (
            [step.choice] == choices and 0 < step.choice and step.choice + step.update < step.whole and step.worked > 0
        )
        phase = [*start.method.phases.values()][count - 1]
        other.update(backward(other, start.batches[0], phase), Rates(1e-3, *start.rule.corrections(count)))
    assert all(np.array_equal(one.weights()[name], array) for name, array in other.weights().items())


def test_a_method_without_a_choice_chooses_for_no_time(config):
    start = subject(config, initial_weights(config.method, 0), 6)
    engine = backends.load("torch")(timed(start.method, choices := []), start.weights, start.rule)
    step = steps.Stepper(engine, start.batches, start.rule, 1e-3, choices)()
    assert step.choice == 0 < step.update < step.whole


# ------------------------------------------------------------------ configurations
def test_a_ratio_beside_that_of_the_work():
    """The other takes 3, 2 and 4 times as long, and works 2.5, 3 and 2 times as long on twice the FLOPs."""
    few = [steps.Step(whole, 0.0, 0.1 * whole, 2.0, 3 * 2**28) for whole in (1.0, 1.0, 2.0)]
    more = [steps.Step(3.0, 0.3, 0.6, 5.0), steps.Step(2.0, 0.1, 0.2, 6.0), steps.Step(8.0, 2.0, 4.0, 4.0)]
    found = configurations.section({"an engine": {"one": few, "other": more}}, {"an engine": {"one": 5, "other": 10}})
    assert found.rows == (
        (
            "an engine",
            "one",
            "1000 ms",
            "1.00 [1.00, 1.00]",
            "1.00 [1.00, 1.00]",
            "1.00",
            "1.00",
            "0.0%",
            "10.0%",
            "0.75 GiB",
        ),
        (
            "an engine",
            "other",
            "3000 ms",
            "3.00 [2.00, 4.00]",
            "2.50 [2.00, 3.00]",
            "2.00",
            "1.25",
            "10.0%",
            "20.0%",
            "-",
        ),
    )
    assert "medians of 3" in found.note


def test_a_step_tells_the_memory_that_it_is_told(config):
    start, peaks = subject(config, initial_weights(config.method, 0), 6), iter([5, 7])
    engine = backends.load("torch")(start.method, start.weights, start.rule)
    stepper = steps.Stepper(engine, start.batches, start.rule, 1e-3, [], lambda: next(peaks))
    assert [stepper().memory, stepper().memory] == [5, 7]  # after each step, not after the first alone
    assert steps.Stepper(engine, start.batches, start.rule, 1e-3, [])().memory is None


# ------------------------------------------------------------------ towers
def test_images_a_second_beside_another_tower():
    """16 pictures in 0.5 s and in 2, 1 and 4 s."""
    sizes = {"small": towers.Size(2_450_000, 580_000_000), "large": towers.Size(38_320_000, 11_590_000_000)}
    times = {"small": [0.5, 0.5, 0.5], "large": [2.0, 1.0, 4.0]}
    found = towers.section(times, sizes, ("large",), batch=16, pixels=224, engine="an engine")
    assert found.rows == (
        ("small", "2.45 M", "0.58", "32.0", "4.00 [2.00, 8.00]"),
        ("large", "38.32 M", "11.59", "8.0", "1.00 [1.00, 1.00]"),
    )
    assert found.columns[-1] == "times large's" and "16 pictures at once of 224 px" in found.note


# ------------------------------------------------------------------ operators
def test_the_largest_differences_come_first():
    costs = [Cost(f"call {i}", 2, {"a": 0.001, "b": 0.001 * i}) for i in range(12)]
    found = operators.section(costs, 5)
    assert [row[0] for row in found.rows] == [*(f"call {i}" for i in range(11, 1, -1)), "all 12"]
    assert found.rows[0] == ("call 11", "2", "1.0", "11.0", "+10.0")
    assert found.rows[-1] == ("all 12", "24", "12.0", "66.0", "+54.0")


def test_operators_are_measured_on_both_engines():
    calls = [(OneCall("linear", (Given((64, 256)), Given((256, 256)), None)), 3), (OneCall("exp", (Given((8, 8)),)), 1)]
    done = []
    costs = operators.measure(
        calls, {name: backends.load(name) for name in ("torch", "mindspore")}, 2, lambda: done.append(1)
    )
    assert [(cost.call, cost.count) for cost in costs] == [("linear 64×256, 256×256", 3), ("exp 8×8", 1)]
    assert len(done) == 2 and all(second >= 0 for cost in costs for second in cost.seconds.values())


# ------------------------------------------------------------------ data
class Slow(Source):
    """A record takes 10 ms."""

    def __init__(self, source):
        self.source = source

    def __len__(self):
        return len(self.source)

    def __getitem__(self, index):
        time.sleep(0.01)
        return self.source[index]

    def texts(self, limit):
        return self.source.texts(limit)


def test_the_time_from_batch_to_batch_is_that_of_its_records(config):
    slow = replace(config, data=replace(config.data, train=Slow(config.data.train)))
    assert (
        data.arrivals(slow, tokenizer_of(config), 0, 3) >= 0.01 * config.training.batch_size
    )  # 8 records one after another


def test_times_a_step():
    """8 samples in 0.1 s, a step eats 8 in 0.4 s: four times."""
    found = data.section([0.4, 0.4, 0.1], {0: [0.1, 0.1, 0.1], 1: [0.05, 0.2, 0.05]}, "torch", 8, 16)
    assert found.rows == (("0", "80", "160", "4.0"), ("1", "160", "320", "8.0"))
    assert "20.0 samples/s of torch's step" in found.note


# ------------------------------------------------------------------ start
def test_memory_that_is_not_known_is_not_zero():
    found = start_section({"a": Start(1.25, 3 * 2**20, 2**20), "b": Start(2.0, 0, 0)})
    assert found.rows == (("a", "1.2 s", "3 MiB", "1 MiB"), ("b", "2.0 s", "-", "-"))
