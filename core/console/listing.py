"""Names with what they mean: two columns on a terminal, a line each in a pipe."""

import shutil
import sys
import textwrap
from collections.abc import Iterable

GAP = 2


def print_names(entries: Iterable[tuple[str, str]]) -> None:
    """Names that leave little room beside them have their meaning below."""
    rows = list(entries)
    indent = min(max((len(name) for name, _ in rows), default=0) + GAP, 34)
    for name, meaning in rows:
        if sys.stdout.isatty():
            print_wrapped(f"{name:<{indent}}{meaning}" if len(name) + GAP <= indent else name, indent)
            if len(name) + GAP > indent:
                print_wrapped(" " * indent + meaning, indent)
        else:
            print(f"{name:<{indent}}{meaning}" if len(name) < indent else f"{name}{' ' * GAP}{meaning}")


def print_wrapped(line: str, indent: int) -> None:
    """One line, broken at the terminal's width, or at 80 characters in a pipe; what follows begins at `indent`."""
    width = shutil.get_terminal_size().columns
    print(textwrap.fill(line, width, subsequent_indent=" " * indent, break_on_hyphens=False, drop_whitespace=True))
