"""The loss scale of fp16: when it moves, and what a checkpoint says of it."""

from dataclasses import asdict

import pytest

from tandemclip.core.training.loss_scale import GROW_AFTER, START, LossScale


def test_the_scale_grows_after_many_finite_updates_and_never_falls_below_one():
    scale = LossScale(2.0, moves=True)
    assert not any(scale.skips(True) for _ in range(GROW_AFTER)) and scale.scale == 4.0 and scale.good == 0
    assert scale.skips(False) and scale.skips(False) and scale.scale == 1.0 and scale.skipped == 2
    assert not scale.skips(False)  # not the scale's doing any more: the trainer stops


def test_a_scale_that_fell_to_one_grows_again():
    scale = LossScale(2.0, moves=True)
    assert scale.skips(False) and scale.scale == 1.0
    assert not any(scale.skips(True) for _ in range(GROW_AFTER)) and scale.scale == 2.0


def test_an_overflow_begins_the_count_of_finite_updates_anew():
    scale = LossScale(8.0, moves=True)
    assert not any(scale.skips(True) for _ in range(GROW_AFTER - 1)) and scale.skips(False)
    assert not any(scale.skips(True) for _ in range(GROW_AFTER - 1)) and scale.scale == 4.0
    assert not scale.skips(True) and scale.scale == 8.0


@pytest.mark.parametrize("scale", [1.0, 2.0, 2.0**20])
def test_a_checkpoint_brings_it_back(scale):
    """At 1, too, where it had been taken for a run without a scale, and the skipped updates for none."""
    saved = LossScale(scale, 7, 16, True)
    assert LossScale.of("fp16", asdict(saved)) == saved
    old = {name: value for name, value in asdict(saved).items() if name != "moves"}  # checkpoints up to 2da36b7
    assert LossScale.of("fp16", old) == saved


def test_without_fp16_nothing_moves():
    scale = LossScale.of("bf16", None)
    assert not any(scale.skips(finite) for finite in [True] * GROW_AFTER + [False]) and scale == LossScale()


def test_the_updates_that_were_left_out_outlive_the_precision():
    """Bias corrections count the updates that were made; a run may go on in another precision, and come back."""
    low = LossScale(4.0, 3, 5, True)
    full = LossScale.of("fp32", asdict(low))
    assert full == LossScale(1.0, 0, 5, False)
    assert LossScale.of("fp16", asdict(full)) == LossScale(START, 0, 5, True)
    assert LossScale.of("fp16", None) == LossScale(START, 0, 0, True)
    assert LossScale.of("fp16", {"scale": 1.0, "good": 0, "skipped": 0}).scale == START  # an old one of fp32
