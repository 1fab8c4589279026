"""A run that is killed, at whatever moment, and started again with --resume is the run that nothing happened to."""

import json
import shutil
import signal
import time

import pytest

from tandemclip.core.random import generator
from tandemclip.core.training import checkpoint, journal
from tandemclip.tests.faults import driver

pytestmark = pytest.mark.faults


def test_killed_at_every_write(whole, tmp_path):
    """Of opening the journal and of a save with something to remove, one after the other, also in the middle of every
    file.
    """
    before = tmp_path / "before"
    assert driver.run(before, "training.checkpoint_every=2", more=("--max-steps", 6)) == 0
    leave_traces_of_a_kill(before, 7)
    steps = []
    for place in range(200):
        out = shutil.copytree(before, tmp_path / str(place))
        more = ("--resume", "--max-steps", 7)
        code, errors = driver.end(driver.start(out, more=more, program=(driver.DYING, "any", place)))
        if code == 0:
            break
        assert code == -signal.SIGKILL, errors
        steps.append(driver.newest(out).step)
        assert driver.run(out) == 0
        driver.assert_same(out, whole)
        shutil.rmtree(out)
    assert code == 0 and steps == sorted(steps) and set(steps) == {6, 7}
    print(f"killed at {place} places")


def leave_traces_of_a_kill(out, step):
    """In the save after this step: a row that no checkpoint has, and half a checkpoint."""
    with open(out / journal.FILE, "a") as file:
        file.write(json.dumps({"step": step, "loss": 0.0}) + "\n" + '{"st')
    shutil.copytree(driver.newest(out).folder, out / "checkpoints" / f".step-{step:08d}.writing")
    (out / "checkpoints" / f".step-{step:08d}.writing" / checkpoint.MANIFEST).unlink()


@pytest.mark.parametrize("seed", [0, 1])
def test_killed_at_random_moments(tmp_path, seed):
    """25 times in the life of one run: while it starts, trains or saves, with 0 to 2 workers."""
    rng, settings = generator(seed, "kills"), ("training.steps=400", "training.checkpoint_every=2")
    out, whole = tmp_path / "killed", tmp_path / "whole"
    step, moments = 0, []
    for _ in range(25):
        process = driver.start(out, *settings, f"data.workers={rng.choice([0, 0, 0, 1, 2])}")
        if rng.random() < 0.2:
            driver.wait_a_while(out, driver.last_step(out) + 12, rng.uniform(0, 5))
        else:
            driver.wait_for(process, out, driver.last_step(out) + rng.integers(1, 13))
            time.sleep(rng.uniform(0, 0.03))
        process.kill()
        assert driver.end(process)[0] == -signal.SIGKILL
        found = driver.newest(out)
        assert found is None or found.step >= step
        step = 0 if found is None else found.step
        moments.append((driver.last_step(out), step))
    assert len(set(moments)) > 10, moments
    driver.finish(out, *settings)
    driver.finish(whole, *settings, more=())
    driver.assert_same(out, whole)
