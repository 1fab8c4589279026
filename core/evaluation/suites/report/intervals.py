"""A figure with its interval and what guessing gets, as a small picture."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from tandemclip.core.evaluation.suites.report.markup import tag
from tandemclip.core.evaluation.suites.report.summary import Figure

WIDTH, HEIGHT, MARGIN = 120, 12, 3  # of the line, and around it, in pixels
NUMBER = 24  # pixels for the number at the line's end
ENDS = (5, 10, 25, 50, 100)  # percent; on one scale for all, figures of large sets would lie within a few pixels


def scale(figures: Sequence[Figure]) -> int:
    """The end of the line on which these are drawn, in percent: the least that holds all intervals and guesses."""
    known = [figure for figure in figures if figure.known]
    highest = max((max(figure.high, figure.chance or 0) for figure in known), default=0)
    return next(end for end in ENDS if highest <= end or end == ENDS[-1])


def drawn(figure: Figure, end: float) -> ET.Element:
    """0 to `end` percent from left to right."""
    middle = HEIGHT / 2
    at = lambda percent: MARGIN + percent / end * WIDTH
    parts = [
        _line(at(0), at(end), middle, middle, "#d0d7de", 1),
        _line(at(figure.low), at(figure.high), middle, middle, "#3b7dd8", 6),
        *([] if figure.chance is None else [_line(at(figure.chance), at(figure.chance), 0, HEIGHT, "#b35900", 1.5)]),
        _line(at(figure.percent), at(figure.percent), 2, HEIGHT - 2, "#1f2328", 2),
        tag("text", f"{end}", x=f"{at(end) + 3:.1f}", y=f"{middle + 3:.1f}", fill="#57606a", **{"font-size": "9"}),
    ]
    width = WIDTH + 2 * MARGIN + NUMBER
    return tag("svg", *parts, width=str(width), height=str(HEIGHT), viewBox=f"0 0 {width} {HEIGHT}")


def _line(x1: float, x2: float, y1: float, y2: float, colour: str, width: float) -> ET.Element:
    ends = {"x1": f"{x1:.1f}", "x2": f"{x2:.1f}", "y1": f"{y1:.1f}", "y2": f"{y2:.1f}"}
    return tag("line", **ends, stroke=colour, **{"stroke-width": f"{width}"})
