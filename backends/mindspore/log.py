"""Where MindSpore's own warnings go while it compiles: dozens for a program, written by C++ on file descriptor 2."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILE = "mindspore.log"
ASKED = "GLOG_v"  # MindSpore's own variable for how much it says: whoever sets it wants to see it

_path = Path(os.devnull)


def write_to(folder: Path | None) -> None:
    """From now on; None: they are dropped."""
    global _path
    _path = Path(os.devnull) if folder is None else folder / FILE


def told() -> str:
    """Where they go, in words."""
    if ASKED in os.environ:
        return f"its own messages are shown ({ASKED} is set)"
    return f"its own warnings are {'dropped' if str(_path) == os.devnull else f'in {_path}'} ({ASKED}=2 shows them)"


@contextmanager
def set_aside() -> Iterator[None]:
    """What is written on descriptor 2 within goes there.

    What Python prints does not: its stderr has a descriptor of its own meanwhile, because a handler of Ctrl-C runs here
    as soon as C++ returns.
    """
    if ASKED in os.environ or sys.__stderr__ is None:
        yield
        return
    _path.parent.mkdir(parents=True, exist_ok=True)
    with open(_path, "ab") as file, open(os.dup(2), "w", buffering=1, errors="backslashreplace") as shown:
        before = sys.stderr
        before.flush()
        os.dup2(file.fileno(), 2)
        if before is sys.__stderr__:  # else somebody has put another one there, which is theirs
            sys.stderr = shown
        try:
            yield
        finally:
            sys.stderr = before
            os.dup2(shown.fileno(), 2)
