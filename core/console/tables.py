"""Tables whose figures are whole, however narrow the terminal is."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

GAP = 2
WORD = 30  # characters of a word that is not broken, where there is room
LEAST = 12  # characters that a column of texts keeps where there is none


def show(
    console: Console,
    columns: Sequence[str],
    rows: Sequence[Sequence[str | Text]],
    texts: Sequence[int] = (0,),
    title: str = "",
) -> None:
    """Print rows under the names of their columns, texts as they are, without markup.

    texts: the columns whose cells may be broken into lines, so that the table fits the console. The others are figures,
    which rich would cut: where these alone are too wide, lines are longer than the console.
    """
    lines = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    widths = _widths(
        console.width, [[Text(name), *cells] for name, cells in zip(columns, _transposed(lines, columns))], texts
    )
    made = [
        Column(Text(name), width=width, overflow="fold", justify="left" if i in texts else "right")
        for i, (name, width) in enumerate(zip(columns, widths))
    ]
    table = Table(*made, title=title or None, title_justify="left", box=None, padding=(0, GAP, 0, 0), pad_edge=False)
    for line in lines:
        table.add_row(*line)
    before = console.width
    console.width = max(before, sum(widths) + GAP * (len(widths) - 1))
    try:
        console.print(table)
    finally:
        console.width = before


def _transposed(lines, columns):
    return zip(*lines) if lines else [()] * len(columns)


def _widths(room: int, columns: list[list[Text]], texts: Sequence[int]) -> list[int]:
    """Of each column: figures have what they need, and texts share the rest, the first of them first."""
    needed = [max(_longest(cells, "\n"), 1) for cells in columns]
    words = [max(_longest(cells, None), 1) for cells in columns]
    widths = [min(words[i], WORD) if i in texts else width for i, width in enumerate(needed)]
    left = room - sum(widths) - GAP * (len(widths) - 1)
    for i in texts:
        more = min(left, needed[i] - widths[i]) if left >= 0 else max(left, min(0, LEAST - widths[i]))
        widths[i], left = widths[i] + more, left - more
    return widths


def _longest(cells: list[Text], separator: str | None) -> int:
    return max((cell_len(part) for cell in cells for part in cell.plain.split(separator)), default=0)
