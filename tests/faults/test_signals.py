"""Ctrl-C and SIGTERM: the first ends the run with a checkpoint, the second at once."""

import signal
import time

import pytest

from tandemclip.core.random import generator
from tandemclip.tests.faults import driver


@pytest.mark.faults
def test_a_signal_to_the_whole_group_leaves_a_checkpoint(whole, tmp_path):
    """A terminal sends Ctrl-C, a scheduler SIGTERM, to every process of a run: workers leave it to the one that
    trains.
    """
    for number, step in ((signal.SIGINT, 1), (signal.SIGTERM, 12)):  # at step 1 workers are still starting
        process = driver.start(tmp_path, "data.workers=2", "training.checkpoint_every=0")
        driver.wait_for(process, tmp_path, step)
        driver.kill_group(process, number)
        code, errors = driver.end(process)
        assert code == 130 and "Traceback" not in errors and "error" not in errors, errors
        assert driver.newest(tmp_path).step == driver.last_step(tmp_path) >= step
    driver.finish(tmp_path)
    driver.assert_same(tmp_path, whole)


def test_the_second_signal_ends_the_run_at_once(tmp_path):
    process = driver.start(tmp_path, "training.steps=100000", "training.checkpoint_every=0")
    driver.wait_for(process, tmp_path, 1)
    process.send_signal(signal.SIGSTOP)  # so that it gets both before it can finish a step
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    code, errors = driver.end(process)
    assert code == 130 and errors.endswith("interrupted\n") and "Traceback" not in errors
    assert driver.newest(tmp_path) is None


@pytest.mark.faults
def test_signals_at_random_moments(tmp_path):
    rng, settings = generator(0, "signals"), ("training.steps=400", "training.checkpoint_every=2")
    out, whole = tmp_path / "stopped", tmp_path / "whole"
    for _ in range(10):
        process = driver.start(out, *settings, f"data.workers={rng.choice([0, 1])}")
        driver.wait_for(process, out, driver.last_step(out) + rng.integers(1, 20))
        time.sleep(rng.uniform(0, 0.03))
        process.send_signal(int(rng.choice([signal.SIGINT, signal.SIGTERM])))
        assert driver.end(process)[0] == 130
        assert driver.newest(out).step == driver.last_step(out)
    driver.finish(out, *settings)
    driver.finish(whole, *settings, more=())
    driver.assert_same(out, whole)
