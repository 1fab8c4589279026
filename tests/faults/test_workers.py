"""A worker process that dies ends the run with the reason, and the run goes on from its checkpoint."""

import os
import signal

import pytest

from tandemclip.tests.faults import driver


@pytest.mark.faults
@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs /proc to find the workers of another process")
@pytest.mark.parametrize("moment", ["in training", "while it starts"])
def test_a_dead_worker_ends_the_run(whole, tmp_path, moment):
    process = driver.start(tmp_path, "data.workers=2")
    if moment == "in training":
        driver.wait_for(process, tmp_path, 8)
    victim = driver.wait_for_workers(process, 2 if moment == "in training" else 1)[-1]
    os.kill(victim, signal.SIGKILL)
    code, errors = driver.end(process)
    assert code == 2
    assert errors.startswith("error: a worker that loads data died (signal 9, Killed") and "Traceback" not in errors
    driver.finish(tmp_path, "data.workers=2")
    driver.assert_same(tmp_path, whole)
