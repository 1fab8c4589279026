"""A cell trained and evaluated by tools/train.py in a process of its own: its memory and threads end with it."""

import sys
from collections.abc import Callable

from tandemclip.core.comparison.cells import Cell
from tandemclip.core.console.child_process import running

LOG = "train.log"


def train(cell: Cell, show: Callable[[str], None]) -> str | None:
    """Begin the cell or go on with it; every line that it prints goes to `show` and to its train.log.

    Returns None, or what went wrong in the program's own last words. Ctrl-C ends the program after its step, with a
    checkpoint, before it goes on to the caller.
    """
    cell.start()
    command = [sys.executable, "-u", "-m", "tandemclip.tools.train", *cell.arguments()]
    last = ""
    with open(cell.folder / LOG, "a") as log, running(command) as program:
        for line in program.stdout:
            log.write(line)
            log.flush()
            if line.strip():
                last = line.strip()
                show(last)
        program.wait()
    return last if program.returncode else None
