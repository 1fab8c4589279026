"""What a person sees of a long preparation."""

import io
import re

from rich.console import Console

from tandemclip.core.console.progress import Progress


def shown(total, done, terminal):
    output = io.StringIO()
    with Progress("records", total, done, Console(file=output, force_terminal=terminal, width=80)) as progress:
        for _ in range(total - done):
            progress.advance()
    return output.getvalue()


def test_a_line_each_tenth_where_there_is_no_terminal():
    lines = shown(50, 20, terminal=False).splitlines()
    assert [line.split("  ")[0] for line in lines] == [f"records {done}/50" for done in range(25, 51, 5)]
    assert all(re.fullmatch(r"records \d+/50  left \d:\d\d:\d\d", line) for line in lines)


def test_a_bar_on_a_terminal():
    assert "50/50" in shown(50, 20, terminal=True)
