"""Wherever a run stopped, and with any number of workers, it goes on with the same bits."""

import time
from types import SimpleNamespace

import pytest

from tandemclip.core.training import trainer
from tandemclip.tests.faults import driver

EPOCH = 5  # steps


def run(out, *settings, more=("--resume",)):
    assert driver.run(out, *settings, more=more) == 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    run(out, more=())
    return out


@pytest.mark.parametrize("stops", [{1: 0, EPOCH + 3: 2, 2 * EPOCH: 0, 3 * EPOCH + 1: 0}])
def test_stops(whole, tmp_path, stops):
    """{step to stop at: workers up to there}: at step 1, in an epoch, at the end of one, and right after it."""
    for step, workers in stops.items():
        run(tmp_path, f"data.workers={workers}", more=("--resume", "--max-steps", step))
        assert driver.last_step(tmp_path) == step
    run(tmp_path)
    driver.assert_same(tmp_path, whole)


@pytest.mark.faults
@pytest.mark.parametrize("before", [0, 2])
@pytest.mark.parametrize("after", [0, 2])
@pytest.mark.parametrize("step", [1, EPOCH - 2, EPOCH, EPOCH + 1, 4 * EPOCH])
def test_every_stop(whole, tmp_path, step, before, after):
    run(tmp_path, f"data.workers={before}", more=("--max-steps", step))
    run(tmp_path, f"data.workers={after}")
    driver.assert_same(tmp_path, whole)


def test_the_clock_changes_nothing(whole, tmp_path):
    """A checkpoint at every step because of it: the last two are there, and the numbers are the same."""
    run(tmp_path, "training.checkpoint_every=0", "training.checkpoint_minutes=1e-6", more=("--max-steps", 7))
    assert checkpoints(tmp_path) == [6, 7]
    run(tmp_path, "training.checkpoint_minutes=1000", "training.evaluate_every=0")  # free to change
    driver.assert_same(tmp_path, whole)


def test_checkpoints_by_the_clock(tmp_path, monkeypatch):
    """By a clock in whose time a step takes 25 s, each third step is the first one after a minute; the last is saved
    anyway.
    """
    clock = SimpleNamespace(perf_counter=time.perf_counter, monotonic=lambda: 25 * driver.last_step(tmp_path))
    monkeypatch.setattr(trainer, "time", clock)
    run(tmp_path, "training.checkpoint_every=0", "training.checkpoint_minutes=1", more=("--max-steps", 8))
    assert checkpoints(tmp_path) == [6, 8]


def checkpoints(out):
    return sorted(int(folder.name.removeprefix("step-")) for folder in (out / "checkpoints").iterdir())


def test_what_was_set_at_the_first_start_holds(whole, tmp_path):
    """--set training.clip=... need not be repeated, and not contradict."""
    clipped, once = tmp_path / "clipped", tmp_path / "once"
    run(clipped, "training.clip=0.5", more=())
    run(once, "training.clip=0.5", more=("--max-steps", 4))
    run(once)
    driver.assert_same(once, clipped)
    assert driver.numbers(clipped) != driver.numbers(whole)
