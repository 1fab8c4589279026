"""What all pictures share: matplotlib without a window, one look, and a file that is whole or not there."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

from matplotlib import get_cachedir
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from tandemclip.core.pictures.fonts import families
from tandemclip.core.whole_file import whole_file

INK, FAINT = "#1f2328", "#8b949e"
DOTS = 100  # an inch
SMALL = 8  # points of most texts
LETTERS = 32  # in a line of a legend: a long name must not take the place of what it names
LINES = 6  # of any name


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


def in_lines(text: str, letters: int) -> str:
    """A name in lines of so many letters. What is far too long is cut: it would leave no place for the picture."""
    return fill(text, letters, max_lines=LINES, placeholder=" ...")


def legend(of, lines: Sequence, names: Sequence[str], **options) -> None:
    """of: axes, or a figure. Lines are given, because matplotlib leaves out labels that begin with an underscore."""
    of.legend(lines, [plain(in_lines(name, LETTERS)) for name in names], fontsize=SMALL, **options)


def save(figure: Figure, path: Path) -> None:
    """As PNG, and of no other kind, whatever the name ends in. UserError where it cannot be written.

    Warns of signs that no font here has.
    """
    texts = figure.findobj(Text)
    names, missing = families(text.get_text() for text in texts)
    for text in texts:
        text.set_fontfamily(names)
    if missing:
        warnings.warn(
            f"{path} has boxes for {len(missing)} signs that no font here has, such as {missing[0]!r}; install one "
            "that does (Noto Sans CJK for Chinese, Japanese and Korean: apt-get install fonts-noto-cjk), and remove "
            f"matplotlib's list of fonts, {get_cachedir()}/fontlist-*.json",
            stacklevel=2,
        )
    with whole_file(path) as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # one for each sign, and told above
        figure.savefig(file, format="png", metadata={"Software": None})  # equal pictures are equal files
