"""What a section of the benchmark found, for a terminal and as Markdown."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tandemclip.core.console import tables


@dataclass(frozen=True)
class Section:
    """A table, and what is in its figures. Without rows: left out, and the note says why."""

    title: str
    note: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    def show(self, console) -> None:
        if self.rows:
            tables.show(console, self.columns, self.rows, title=self.title)
        console.print(f"{self.title}: {self.note}\n" if not self.rows else f"{self.note}\n", markup=False)

    def markdown(self) -> str:
        lines = [self.columns, ("---",) * len(self.columns), *self.rows] if self.rows else []
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        return "\n\n".join(part for part in (f"## {self.title}", table, self.note) if part)


def ratio(ones: Sequence[float], others: Sequence[float]) -> str:
    """Of two figures in one round: median and extremes."""
    ratios = [one / other for one, other in zip(ones, others, strict=True)]
    return f"{statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"


def markdown(title: str, paragraphs: list[str], sections: list[Section]) -> str:
    return "\n\n".join([f"# {title}", *paragraphs, *(section.markdown() for section in sections)]) + "\n"
