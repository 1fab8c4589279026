"""A reader of the output that ends: the program ends quietly, or goes on, as it asks."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from rich.console import Console
from tandemclip.core.console import command_line

def main(argv):
    say = Console().print if "rich" in argv else print
    for line in range(5_000):
        say("line", line, "-" * 60)  # in all more than a pipe holds, however late its reader ends
    if "exits" in argv:  # as --help does
        sys.exit(3)
    sys.stdout.flush()
    print("at the end", file=sys.stderr)
    return 3

sys.exit(command_line.run(main, goes_on={goes_on}))
"""


def after_one_line(goes_on, *arguments, unbuffered=False):
    """(exit code, stderr) of a program whose reader takes one line of its output and ends, as `| head -1` does."""
    command = [sys.executable, *(["-u"] if unbuffered else []), "-c", PROGRAM.format(goes_on=goes_on), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith("line 0 -")
    process.stdout.close()
    return process.wait(60), process.stderr.read()


@pytest.mark.parametrize("how", [(), ("rich",), ("exits",)])
@pytest.mark.parametrize("unbuffered", [False, True])
def test_what_only_prints_ends_quietly(how, unbuffered):
    assert after_one_line(False, *how, unbuffered=unbuffered) == (141, "")


@pytest.mark.parametrize("how", [(), ("rich",)])
@pytest.mark.parametrize("unbuffered", [False, True])
def test_what_works_goes_on(how, unbuffered):
    assert after_one_line(True, *how, unbuffered=unbuffered) == (3, "at the end\n")


@pytest.mark.parametrize("goes_on", [False, True])
def test_all_is_written_where_somebody_reads(goes_on):
    command = [sys.executable, "-c", PROGRAM.format(goes_on=goes_on)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "".join(f"line {line} {'-' * 60}\n" for line in range(5_000))
    assert (done.returncode, done.stderr) == (3, "at the end\n")


def test_nobody_reads_the_errors():
    code = "import sys; from tandemclip.core.console import command_line\n"
    code += "def main(argv): [print('x' * 100, file=sys.stderr) for _ in range(5000)]; print('done'); return 4\n"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{code}sys.exit(command_line.run(main))"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stderr.close()
    assert process.stdout.read() == "done\n" and process.wait(60) == 4


def test_what_a_disk_refuses_is_still_an_error():
    code = PROGRAM.format(goes_on=True)
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "No space left" in done.stderr


def ended_unread(then, goes_on=False):
    """(exit code, what stderr has) of a program whose reader ends before it does `then`."""
    code = "import os, sys; from tandemclip.core.console import command_line\n"
    code += f"def main(argv): print('ready', flush=True); sys.stdin.read(); {then}\n"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{code}sys.exit(command_line.run(main, [], goes_on={goes_on}))"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    process.stdout.close()
    process.stdin.close()
    return process.wait(60), process.stderr.read()


def test_the_last_words_may_be_those_that_nobody_reads():
    """All fits into the buffer, and is written when the program ends: also where it exits by itself."""
    for end in ("return 3", "sys.exit(3)"):
        assert ended_unread(f"print('x' * 1000); {end}") == (141, "")


def test_what_others_write_goes_nowhere_too():
    """An engine writes to the descriptor itself, as a worker does."""
    assert ended_unread("print('x', flush=True); os.write(1, b'x')", goes_on=True) == (0, "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_stream_that_is_closed_takes_all_to_nowhere(tmp_path, closed):
    """Nor does a file that is opened then get what a library prints."""
    written = tmp_path / "written"
    code = f"""
import os, sys
from tandemclip.core.console import command_line

def main(argv):
    with open({str(written)!r}, "wb") as file:
        print("an output")
        print("an error", file=sys.stderr)
        sys.stdout.flush()
        os.write(1, b"of a library")
        os.write(2, b"of a library")
        file.write(b"all")
    return 3

sys.exit(command_line.run(main, goes_on=True))
"""
    done = subprocess.run(["sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, code], timeout=60)
    assert done.returncode == 3 and written.read_bytes() == b"all"
