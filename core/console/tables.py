"""Tables whose figures are whole, however narrow the terminal is."""

from collections.abc import Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str | Text]], texts: Sequence[int] = (), title: str = ""
) -> Table:
    """Columns with two blanks between them. texts: the places of those that may be broken into lines; the others are
    figures.
    """
    made = [Column(name, no_wrap=i not in texts, overflow="fold") for i, name in enumerate(columns)]
    drawn = Table(*made, title=title or None, title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for row in rows:
        drawn.add_row(*row)
    return drawn


def show(table: Table, console: Console) -> None:
    """Print it in the console's width, or wider where its figures need that: rich would cut them."""
    width, least = console.width, Measurement.get(console, console.options, table).minimum
    console.width = max(width, least)
    try:
        console.print(table)
    finally:
        console.width = width
