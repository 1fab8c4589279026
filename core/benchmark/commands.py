"""Programs that are timed, and weighed, from outside."""

import time
from collections.abc import Callable
from pathlib import Path

from tandemclip.core.console.child_process import running
from tandemclip.core.errors import UserError


def output(command: list[str], enough: Callable[[int, float, str], bool] = lambda *_: False) -> list[str]:
    """All lines that a program prints. enough: asked at each, with the process's number, the seconds since its start
    and the line, whether it may end.

    Raises UserError with the program's last words where it fails.
    """
    begin, lines = time.perf_counter(), []
    with running(command) as program:
        for line in program.stdout:
            lines.append(line.rstrip("\n"))
            if enough(program.pid, time.perf_counter() - begin, line):
                return lines
        program.wait()
    if program.returncode:
        said = next((line for line in reversed(lines) if line.strip()), "no word")
        raise UserError(f"{' '.join(command)} ended with exit code {program.returncode}: {said}; run it by itself")
    return lines


def memory(leader: int) -> dict[int, int]:
    """{process: the most bytes it has held so far} of the session that `leader` began; {} where /proc does not tell.

    Not ru_maxrss: on Linux a child's starts at what its parent held.
    """
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if int((folder / "stat").read_text().rpartition(")")[2].split()[3]) == leader:
                lines = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
                found[int(folder.name)] = 1024 * int(lines.get("VmHWM", "0 kB").split()[0])
        except (OSError, ValueError):  # it has ended meanwhile
            continue
    return found
