"""Boxes of things in a picture: what is one, in whatever way a data set writes it."""

import math
from collections.abc import Sequence
from typing import Any

from tandemclip.core.data.texts import kind

Box = tuple[float, float, float, float]  # x1, y1, x2, y2


def four_numbers(given: Any) -> list[float]:
    """Of a list as JSON has it. ValueError, in words, for anything else, and where one is not finite."""
    if not isinstance(given, (list, tuple)):
        raise ValueError(f"its box is {kind(given)}, expected a list of four numbers")
    if len(given) != 4 or not all(isinstance(edge, (int, float)) and not isinstance(edge, bool) for edge in given):
        raise ValueError(f"its box is {given!r:.80}, expected four numbers")
    edges = [float(edge) for edge in given]
    if not all(map(math.isfinite, edges)):
        raise ValueError(f"its box is {given!r:.80}, expected numbers that are finite")
    return edges


def upright_box(edges: Sequence[float]) -> Box:
    """x1, y1, x2, y2 as they are. ValueError, in words, where one is not finite, or the box is upside down.

    A box may have no area, and may reach out of its picture: annotators leave such boxes, and who needs an area cuts
    them.
    """
    x1, y1, x2, y2 = four_numbers(list(edges))
    if x1 > x2 or y1 > y2:
        raise ValueError(f"its box is upside down: from {x1:.6g}, {y1:.6g} to {x2:.6g}, {y2:.6g}")
    return x1, y1, x2, y2


def outside(box: Box) -> bool:
    """Whether a box in shares of the picture has no point in common with it: pixels taken for shares, for example."""
    x1, y1, x2, y2 = box
    return x1 >= 1 or y1 >= 1 or x2 <= 0 or y2 <= 0
