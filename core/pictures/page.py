"""What all pictures share: matplotlib without a window, one look, and a file that is whole or not there."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tandemclip.core.whole_file import whole_file

INK, FAINT = "#1f2328", "#8b949e"
DOTS = 100  # an inch
SMALL = 8  # points of most texts
LETTERS = 32  # in a line of a legend: a long name must not take the place of what it names


def page(width: float, height: float) -> Figure:
    """An empty page of so many inches; axes are put on it by `subplots`."""
    figure = Figure((width, height), dpi=DOTS, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def bare(axes, title: str = "", color: str = INK) -> None:
    """Axes for a picture: without ticks and frame."""
    axes.set_axis_off()
    axes.set_title(plain(title), fontsize=SMALL, color=color)


def plain(text: str) -> str:
    """As matplotlib draws a text as it stands: what is between two dollar signs would be read as a formula."""
    return text.replace("$", r"\$")


def legend(of, lines: Sequence, names: Sequence[str], **options) -> None:
    """of: axes, or a figure. Lines are given, because matplotlib leaves out labels that begin with an underscore."""
    of.legend(lines, [plain(fill(name, LETTERS)) for name in names], fontsize=SMALL, **options)


def save(figure: Figure, path: Path) -> None:
    """As PNG, and of no other kind, whatever the name ends in. UserError where it cannot be written."""
    with whole_file(path) as file:
        figure.savefig(file, format="png", metadata={"Software": None})  # equal pictures are equal files
