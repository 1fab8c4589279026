"""Processes that die, for real: a worker's end is told, and a program's end takes its workers along."""

import re
import shutil
import signal
import subprocess
import sys
from collections import namedtuple

import pytest
from grain._src.core import profiler as grain_profiler

from tandemclip.core.data.loading.loader import batches
from tandemclip.core.data.loading.workers import check_shared_memory
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.views.image import ImageView
from tandemclip.core.errors import UserError

PROGRAM = """
import multiprocessing, os, signal, sys
from tandemclip.core.console import command_line
from tandemclip.core.data.loading.loader import batches
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.views.image import ImageView

def main(argv):
    killed, steps = int(argv[0]), {"start_step": 0, "stop_step": 10**6, "workers": 2}
    with batches(Scenes(count=50), {"image": ImageView(32)}, None, batch_size=64, seed=0, **steps) as loader:
        for _ in range(4):  # of both
            next(loader)
        workers = [child.pid for child in multiprocessing.active_children()]
        assert len(workers) == 2
        print(*workers, flush=True)
        for pid in workers[:killed]:
            os.kill(pid, signal.SIGKILL)
        for batch in loader:
            assert batch["image"].shape == (64, 3, 32, 32)

if __name__ == "__main__":
    sys.exit(command_line.run(main))
"""


@pytest.fixture
def start(tmp_path):
    def start(killed):
        (tmp_path / "program.py").write_text(PROGRAM)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([sys.executable, tmp_path / "program.py", str(killed)], **pipes)

    return start


def test_jax_beside_us_does_not_matter(monkeypatch):
    """With jaxlib 0.11 grain has a profiler, and asks absl for a flag that no command line was read for."""
    monkeypatch.setattr(grain_profiler, "is_worker_profiling_supported", lambda: True)
    with batches(
        Scenes(count=8), {"image": ImageView(32)}, None, batch_size=4, seed=0, start_step=0, stop_step=2, workers=1
    ) as loader:
        assert [batch["image"].shape for batch in loader] == [(4, 3, 32, 32)] * 2


@pytest.mark.parametrize("killed", [1, 2])
def test_a_killed_worker_ends_the_program_with_one_line(start, killed):
    process = start(killed)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    line = errors.splitlines()[0]
    assert re.match(r"error: a worker that loads data died \(signal 9, Killed.*memory.*--resume.*data.workers", line), (
        errors
    )
    assert "Traceback" not in errors


def test_workers_end_with_the_program_that_was_killed(start):
    process = start(0)
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)  # returns once nobody holds the pipes any more: the workers have inherited them
    assert process.returncode == -signal.SIGKILL


def test_the_shared_memory_that_batches_need(monkeypatch):
    """Five batches of 64 pictures of 3 x 224 x 224 float32 for each of 3 workers."""
    views, needed = {"image": ImageView(224)}, 3 * 5 * 64 * 3 * 224 * 224 * 4
    free = lambda size: monkeypatch.setattr(shutil, "disk_usage", lambda _: namedtuple("Usage", "free")(size))
    free(needed)
    check_shared_memory(views, 64, 3)
    free(needed - 1)
    with pytest.raises(UserError, match=f"has 551 MB free, 3 workers need {needed >> 20} MB"):
        check_shared_memory(views, 64, 3)
