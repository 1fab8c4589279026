"""The learning rate against its closed form."""

import math

import numpy as np
import pytest

from tandemclip.core.errors import UserError
from tandemclip.core.training.schedule import Schedule
from tandemclip.core.training.settings import Training


def test_warm_up_is_linear_and_loses_no_update():
    schedule = Schedule(peak=2e-3, steps=100, warmup=8)
    np.testing.assert_allclose([schedule(step) for step in range(8)], 2e-3 * np.arange(1, 9) / 8, rtol=1e-15)
    assert schedule(0) == 2e-3 / 8
    assert schedule(7) == schedule(8) == 2e-3


def test_cosine_is_halfway_down_at_half_time():
    schedule = Schedule(peak=1.0, steps=120, warmup=20, floor=0.2)
    assert schedule(20) == 1.0
    assert schedule(70) == pytest.approx(0.6, rel=1e-15)
    assert schedule(20 + 25) == pytest.approx(0.2 + 0.8 * (1 + math.sqrt(0.5)) / 2, rel=1e-15)
    assert schedule(20 + 75) == pytest.approx(0.2 + 0.8 * (1 - math.sqrt(0.5)) / 2, rel=1e-15)


def test_last_step_is_just_above_the_floor():
    schedule = Schedule(peak=1.0, steps=1000, warmup=0, floor=0.1)
    # 1 + cos(pi - x) = 2 sin(x / 2)^2: another form of the same number, without cancellation
    assert schedule(999) == pytest.approx(0.1 + 0.9 * math.sin(math.pi / 2000) ** 2, rel=1e-12)
    assert schedule(999) > 0.1


@pytest.mark.parametrize("warmup", [0, 1])
def test_without_warm_up_the_first_step_is_the_peak(warmup):
    assert Schedule(peak=0.5, steps=10, warmup=warmup)(0) == 0.5


def test_warm_up_alone():
    schedule = Schedule(peak=0.5, steps=5, warmup=5, floor=0.1)
    assert [schedule(step) for step in range(5)] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5], rel=1e-15)


def test_single_step():
    assert Schedule(peak=0.5, steps=1, warmup=0)(0) == 0.5


def test_peak_equal_to_floor_is_constant_after_warm_up():
    schedule = Schedule(peak=0.5, steps=50, warmup=3, floor=0.5)
    assert {schedule(step) for step in range(3, 50)} == {0.5}


def test_falls_monotonically_after_the_peak():
    rates = [Schedule(peak=1.0, steps=200, warmup=10)(step) for step in range(200)]
    assert all(np.diff(rates[:10]) > 0) and all(np.diff(rates[10:]) < 0) and min(rates) > 0


@pytest.mark.parametrize("step", [-1, 10])
def test_outside_the_run(step):
    with pytest.raises(ValueError, match="outside 0..9"):
        Schedule(peak=1.0, steps=10, warmup=2)(step)


@pytest.mark.parametrize(
    "fields",
    [
        dict(peak=1.0, steps=0, warmup=0),
        dict(peak=1.0, steps=10, warmup=11),
        dict(peak=1.0, steps=10, warmup=-1),
        dict(peak=1.0, steps=10, warmup=1, floor=2.0),
        dict(peak=float("nan"), steps=10, warmup=1),
    ],
)
def test_impossible_schedules(fields):
    with pytest.raises(UserError, match="expected"):
        Schedule(**fields)


def test_what_is_over_of_a_run_counts_steps_and_whole_epochs():
    schedule = Schedule(1.0, 10, 0, steps_per_epoch=4)  # 3 epochs, the last one cut short
    found = [schedule.elapsed(step) for step in (0, 3, 4, 9)]
    assert [each.step for each in found] == pytest.approx([0, 3 / 9, 4 / 9, 1])
    assert [each.epoch for each in found] == pytest.approx([0, 0, 1 / 3, 2 / 3])
    assert Schedule(1.0, 1, 0, steps_per_epoch=4).elapsed(0) == (0.0, 0.0)
    assert Schedule(1.0, 10, 0).elapsed(7).epoch == 0.7  # an epoch a step, where nobody says


@pytest.mark.parametrize("records, an_epoch", [(8, 1), (15, 1), (16, 2), (23, 2), (7, 1)])
def test_an_epoch_is_the_whole_batches_of_the_records(records, an_epoch):
    """Seven records are less than a batch, and yet an epoch: sources that repeat themselves may be so short."""
    schedule = Training(batch_size=8, learning_rate=1.0, epochs=3).schedule(records)
    assert (schedule.steps, schedule.steps_per_epoch) == (3 * an_epoch, an_epoch)
    given = Training(batch_size=8, learning_rate=1.0, steps=5).schedule(records)
    assert (given.steps, given.steps_per_epoch) == (5, an_epoch)


@pytest.mark.parametrize("warmup, steps", [(0.05, 5), (0.99, 99), (1.0, 1), (7, 7), (100, 100), (1000, 100), (0, 0)])
def test_a_warm_up_is_a_share_below_one_and_a_number_of_steps_from_one_on(warmup, steps):
    made = Training(batch_size=8, learning_rate=1.0, steps=100, warmup=warmup, floor=0.25).schedule(8)
    assert (made.peak, made.warmup, made.floor) == (1.0, steps, 0.25)
