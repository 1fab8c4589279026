"""Starts the real tools/train.py, and compares what came of it with a run that nothing happened to."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from tandemclip.core.training import checkpoint, journal
from tandemclip.tools import train

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "configs" / "pretrain" / "tiny_clip_vit.yaml"
TRAIN = ROOT / "tools" / "train.py"
DYING = Path(__file__).with_name("dying_train.py")
RECORDS = ["data.train.count=40", "data.evaluate=null"]  # an epoch of 5 steps of 8
PATIENCE = 600  # seconds; what takes longer hangs, also beside other work: 400 steps with 200 checkpoints took over 60


def arguments(out, *settings):
    """Of train.py: the tiny model on 40 records, 40 steps, a checkpoint at every third."""
    few = [*RECORDS, "training.steps=40", "training.checkpoint_every=3"]
    return ["--config", str(CONFIG), "--out", str(out), "--set", *few, *map(str, settings)]


def start(out, *settings, more=("--resume",), program=(TRAIN,)):
    """A process with a session of its own, so that a whole group can be signalled as a terminal does."""
    command = [sys.executable, *map(str, program), *arguments(out, *settings), *map(str, more)]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=ROOT
    )


def end(process):
    """(exit code, stderr), once nobody holds its stderr any more: neither the process nor a worker that it left
    behind.
    """
    try:
        errors = process.communicate(timeout=PATIENCE)[1]
    except subprocess.TimeoutExpired:
        kill_group(process, signal.SIGKILL)
        raise
    return process.returncode, errors


def finish(out, *settings, more=("--resume",)):
    code, errors = end(start(out, *settings, more=more))
    assert code == 0, errors
    return errors


def run(out, *settings, more=("--resume",)) -> int:
    """The same within this process, where nobody has to die: it saves the seconds of a start. The exit code."""
    return train.main([*arguments(out, *settings), *map(str, more)])


def last_step(out) -> int:
    rows = journal.read(out)
    return rows[-1]["step"] if rows else 0


def wait_for(process, out, step) -> None:
    """Until the journal has the row of this step, or the process has ended."""
    until = time.monotonic() + PATIENCE
    while process.poll() is None and last_step(out) < step:
        assert time.monotonic() < until, f"no step {step} after {PATIENCE} s"
        time.sleep(0.002)


def wait_a_while(out, step, seconds) -> None:
    """So long, or until the journal has the row of this step: a fast machine does not come to the end of the run."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and last_step(out) < step:
        time.sleep(0.002)


def newest(out):
    """The newest checkpoint. Nothing in the folder looks like one and is none."""
    passed_over = []
    folder = checkpoint.latest(out, passed_over.append)
    assert not passed_over
    return None if folder is None else checkpoint.load(folder)


def assert_same(out, whole) -> None:
    """Every number of every step, each step once, and the weights and moments at the end, bit by bit."""
    assert numbers(out) == numbers(whole)
    one, other = newest(out), newest(whole)
    assert one.step == other.step
    for found, expected in ((one.model, other.model), (one.optimizer, other.optimizer)):
        assert found.keys() == expected.keys()
        for name, array in expected.items():
            assert found[name].dtype == array.dtype and np.array_equal(found[name], array), name


def numbers(out) -> list[dict]:
    """The journal without what the clock says."""
    rows = [{name: value for name, value in row.items() if "second" not in name} for row in journal.read(out)]
    assert [row["step"] for row in rows] == list(range(1, len(rows) + 1))
    return rows


def contents(folder) -> dict:
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def flip_byte(path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def children(pid) -> list[int]:
    """Processes that this one started (Linux)."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]


def workers(process) -> list[int]:
    """Those that load data: what multiprocessing started, but for its own tracker."""
    return [pid for pid in children(process.pid) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def wait_for_workers(process, count) -> list[int]:
    until = time.monotonic() + PATIENCE
    while process.poll() is None and len(workers(process)) < count:
        assert time.monotonic() < until, f"no {count} workers after {PATIENCE} s"
        time.sleep(0.002)
    return workers(process)


def kill_group(process, number) -> None:
    os.killpg(process.pid, number)
