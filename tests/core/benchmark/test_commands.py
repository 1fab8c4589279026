"""Programs that are really started: what they print, hold, and how their failure is told."""

import os
import sys

import pytest

from tandemclip.core.benchmark import commands as programs
from tandemclip.core.benchmark import start
from tandemclip.core.errors import UserError

HOLDS = """
import subprocess, sys, time
held = bytearray(60 << 20)
held[::4096] = held[::4096].replace(b"\\0", b"\\1")
with subprocess.Popen([sys.executable, "-c", "import sys; print('child', flush=True); sys.stdin.read()"], stdin=-1):
    print("together", flush=True)
    time.sleep(60)  # till it is ended; its own input may be at its end
"""


def python(text):
    return [sys.executable, "-u", "-c", text]


def test_what_it_prints_and_when():
    seen = []
    lines = programs.output(python("print('a'); print('b')"), lambda *told: seen.append(told))
    assert lines == ["a", "b"] and [line for _, _, line in seen] == ["a\n", "b\n"]
    (one, first, _), (other, second, _) = seen
    assert one == other != os.getpid() and 0 < first <= second


def test_it_ends_when_enough_is_known(tmp_path):
    program = f"import time\nprint('first')\ntime.sleep(5)\nopen({str(tmp_path / 'late')!r}, 'w')"
    number = []
    assert programs.output(python(program), lambda pid, *_: not number.append(pid)) == ["first"]
    assert not (tmp_path / "late").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(number[0], 0)


def test_a_failure_is_told_in_its_own_words():
    with pytest.raises(UserError, match="exit code 3: the disk is full; run it by itself"):
        programs.output(python("import sys\nprint('the disk is full')\nprint()\nsys.exit(3)"))


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="only Linux has /proc, which tells what a process holds")
def test_memory_of_a_program_and_of_its_child():
    ballast = bytearray(200 << 20)
    ballast[::4096] = ballast[::4096].replace(b"\0", b"\1")  # a child's ru_maxrss would begin at this
    held, said = [], set()

    def both(pid, _, line):
        said.add(line.strip())
        found = programs.memory(pid)
        if said == {"child", "together"}:  # before that the child may hold next to nothing yet
            held.append((found.pop(pid), *found.values()))
        return bool(held)

    programs.output(python(HOLDS), both)
    ((own, child),) = held
    assert 60 << 20 < own < 110 << 20 and 1 << 20 < child < 50 << 20


def test_the_first_step_of_a_run(root):
    found = start.first_step(root / "configs" / "pretrain" / "tiny_clip_vit.yaml", ["training.batch_size=4"], "torch")
    assert found.seconds > 0.1 and (found.own > 100 << 20 or not os.path.isdir("/proc"))


def test_a_run_that_does_not_start(root):
    with pytest.raises(UserError, match="exit code 2.*training.batch_size is 1"):
        start.first_step(root / "configs" / "pretrain" / "tiny_clip_vit.yaml", ["training.batch_size=1"], "torch")
