"""What C++ writes while MindSpore compiles goes to a file, and what Python says does not."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from pathlib import Path
from tandemclip.backends.mindspore import log

log.write_to({folder})
os.write(2, b"before\\n")
with log.set_aside():
    os.write(2, b"of C++\\n")
    print("of Python", file=sys.stderr)
    {inside}
os.write(2, b"behind\\n")
print("of Python behind", file=sys.stderr)
print(log.told())
"""


def run(folder, inside="pass", **environment):
    given = {key: value for key, value in os.environ.items() if key != "GLOG_v"} | environment
    program = PROGRAM.format(folder=f"Path({str(folder)!r})" if folder else None, inside=inside)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=given)


def test_it_is_in_the_file_and_python_is_on_stderr(tmp_path):
    done = run(tmp_path / "run")
    assert done.stderr == "before\nof Python\nbehind\nof Python behind\n"
    assert (tmp_path / "run" / "mindspore.log").read_text() == "of C++\n"
    assert str(tmp_path / "run" / "mindspore.log") in done.stdout
    run(tmp_path / "run")
    assert (tmp_path / "run" / "mindspore.log").read_text() == "of C++\n" * 2  # a run that goes on


def test_an_error_within_keeps_its_traceback(tmp_path):
    done = run(tmp_path, "raise RuntimeError('no kernel')")
    assert done.returncode == 1 and "RuntimeError: no kernel" in done.stderr and "Traceback" in done.stderr


def test_without_a_folder_it_is_dropped_and_said(tmp_path):
    done = run(None)
    assert (
        done.stderr == "before\nof Python\nbehind\nof Python behind\n"
        and "dropped (GLOG_v=2 shows them)" in done.stdout
    )


@pytest.mark.parametrize("folder", [True, False])
def test_who_asks_mindspore_to_speak_hears_it(tmp_path, folder):
    done = run(tmp_path / "run" if folder else None, GLOG_v="2")
    assert "of C++" in done.stderr and not (tmp_path / "run").exists() and "are shown" in done.stdout


def test_the_first_call_of_a_program_compiles_and_is_set_aside(tmp_path):
    """It stands for MindSpore's "Some side effect nodes were eliminated by mistake", of large programs alone."""
    program = f"""
import os
from pathlib import Path
from tandemclip.backends.mindspore import log
from tandemclip.backends.mindspore.programs import Compiled
from tandemclip.backends.recorder.ops import Recorder

log.write_to(Path({str(tmp_path)!r}))
recorder = Recorder()
x = recorder.input("x", (3,), "float")
compiled = Compiled(recorder.program, [x * x])
compiled.function = lambda x: os.write(2, b"call of C++\\n")
for _ in range(2):
    compiled({{"x": None}})
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "call of C++\n" == (tmp_path / "mindspore.log").read_text()
