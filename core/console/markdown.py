"""Tables and texts in Markdown, in which a name is seen as it is written."""

import re
from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A line each, without one at the end. A cell may hold anything."""
    lines = (map(_cell, head), ["---"] * len(head), *(map(_cell, row) for row in rows))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cell(text: str) -> str:
    return plain(text).replace("|", "\\|")


def plain(text: str) -> str:
    """A text in which no tag, no emphasis and no code begins, and that stays in its line."""
    return re.sub(r"[\\<*`]", r"\\\g<0>", " ".join(text.splitlines()))
