"""Ctrl-C, SIGTERM and SIGHUP: the first ends the run with a checkpoint, the second at once. And a reader that ends."""

import signal
import subprocess
import sys
import time

import pytest

from tandemclip.core.random import generator
from tandemclip.tests.faults import driver


@pytest.mark.faults
def test_a_signal_to_the_whole_group_leaves_a_checkpoint(whole, tmp_path):
    """A terminal sends Ctrl-C, a scheduler SIGTERM, to every process of a run: workers leave it to the one that
    trains.
    """
    # at step 1 workers are still starting; a lost session sends SIGHUP
    for number, step in ((signal.SIGINT, 1), (signal.SIGTERM, 12), (signal.SIGHUP, 20)):
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


def test_a_lost_session_stops_the_run_with_a_checkpoint(tmp_path):
    """SIGHUP comes to the whole group, the workers too, and the terminal is gone."""
    process = driver.start(tmp_path, "training.steps=100000", "training.checkpoint_every=0", "data.workers=1")
    driver.wait_for(process, tmp_path, 2)
    process.stderr.close()
    driver.kill_group(process, signal.SIGHUP)
    assert process.wait(driver.PATIENCE) == 130
    assert driver.newest(tmp_path).step == driver.last_step(tmp_path) >= 2


def test_nohup_and_a_reader_that_ends_stop_nothing(tmp_path):
    """`nohup python tools/train.py ... | head -2`, and the session is lost: the run goes on to its end."""
    command = ["nohup", sys.executable, str(driver.TRAIN), *driver.arguments(tmp_path)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=driver.ROOT
    )
    for line in process.stdout:
        if line.startswith("step"):
            break
    process.stdout.close()
    process.send_signal(signal.SIGHUP)
    assert process.wait(driver.PATIENCE) == 0 and "Traceback" not in process.stderr.read()
    assert [row["step"] for row in driver.numbers(tmp_path)] == list(range(1, 41))
    assert driver.newest(tmp_path).step == 40
