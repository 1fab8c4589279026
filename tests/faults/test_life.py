"""The short form of `make faults`: one run to which everything happens, and which is in the end the run that nothing
happened to.
"""

import os
import signal

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tandemclip.tests.faults import driver


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs /proc to find the workers of another process")
def test_the_life_of_a_run(whole, tmp_path):
    killed_in_training(tmp_path)
    told_to_stop_while_workers_start(tmp_path)
    killed_in_a_save(tmp_path, "write", 9)  # in the middle of a file
    killed_in_a_save(tmp_path, "os.rmdir", 1)  # what that left is removed, an old checkpoint half
    left_by_a_worker(tmp_path)
    told_to_stop_in_training(tmp_path)
    goes_on_from_an_older_checkpoint(tmp_path)
    driver.assert_same(tmp_path, whole)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    shown = [(event.step, np.float32(event.value)) for event in events.Scalars("loss")]
    assert shown == [(row["step"], np.float32(row["loss"])) for row in driver.numbers(tmp_path)]


def killed_in_training(out):
    process = driver.start(out, "data.workers=2", more=())
    driver.wait_for(process, out, 8)
    process.kill()
    assert driver.end(process)[0] == -signal.SIGKILL  # and no worker is left
    assert driver.newest(out).step >= 6


def told_to_stop_while_workers_start(out):
    process = driver.start(out, "data.workers=1")
    driver.wait_for_workers(process, 1)
    driver.kill_group(process, signal.SIGINT)
    assert_stopped(process, out)


def killed_in_a_save(out, kind, count):
    before = driver.newest(out).step
    code, errors = driver.end(driver.start(out, program=(driver.DYING, kind, count)))
    assert code == -signal.SIGKILL, errors
    assert driver.newest(out).step >= before


def left_by_a_worker(out):
    process = driver.start(out, "data.workers=1")
    os.kill(driver.wait_for_workers(process, 1)[0], signal.SIGKILL)
    code, errors = driver.end(process)
    assert code == 2 and errors.startswith("error: a worker that loads data died (signal 9, Killed"), errors
    assert "Traceback" not in errors


def told_to_stop_in_training(out):
    process = driver.start(out)
    driver.wait_for(process, out, driver.last_step(out) + 2)
    process.send_signal(signal.SIGTERM)
    assert_stopped(process, out)


def assert_stopped(process, out):
    code, errors = driver.end(process)
    assert code == 130 and "Traceback" not in errors and "error" not in errors, errors
    assert driver.newest(out).step == driver.last_step(out)


def goes_on_from_an_older_checkpoint(out):
    rotten = driver.newest(out).folder
    driver.flip_byte(rotten / "model.safetensors")
    warning = driver.finish(out)
    assert f"skipped the torn checkpoint {rotten}: model.safetensors" in warning
