"""Tables whose figures are whole, however narrow the terminal is."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

GAP = 2
LEAST = 12  # characters that a column of texts keeps


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
    made = [
        Column(Text(name), overflow="fold") if i in texts else Column(Text(name), no_wrap=True, justify="right")
        for i, name in enumerate(columns)
    ]
    table = Table(*made, title=title or None, title_justify="left", box=None, padding=(0, GAP, 0, 0), pad_edge=False)
    for line in lines:
        table.add_row(*line)
    every = [[Text(name), *cells] for name, cells in zip(columns, zip(*lines) if lines else [()] * len(columns))]
    widest = [max(cell_len(part) for cell in cells for part in cell.plain.split("\n")) for cells in every]
    least = sum(min(width, LEAST) if i in texts else width for i, width in enumerate(widest))
    before = console.width
    console.width = max(before, least + GAP * len(columns))
    try:
        console.print(table)
    finally:
        console.width = before
