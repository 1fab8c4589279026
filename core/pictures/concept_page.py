"""Queries, each beside its nearest concepts with their exemplars below."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from tandemclip.core.pictures.nearest_concepts import Near
from tandemclip.core.pictures.page import INK, SMALL, bare, in_lines, page, plain

SIDE = 1.25  # of a picture, in inches
LETTERS = 20  # in a line of a title


def concept_page(queries: Sequence[tuple[str, np.ndarray | None]], found: Sequence[Sequence[Near]]) -> Figure:
    """queries: what each is called, and its picture [R, R, 3] uint8, or None for a text."""
    columns, down = 1 + max(map(len, found)), max(len(near.pixels) for row in found for near in row)
    figure = page(columns * SIDE + 0.3, len(queries) * (down * SIDE + 0.45))
    axes = figure.subplots(len(queries) * down, columns, squeeze=False)
    for each in axes.ravel():
        bare(each)
    for place, ((name, picture), row) in enumerate(zip(queries, found)):
        block = axes[place * down : (place + 1) * down]
        _query(block[0, 0], name, picture)
        for column, near in enumerate(row, start=1):
            for line, pixels in enumerate(near.pixels):
                block[line, column].imshow(pixels, interpolation="nearest")
            bare(block[0, column], f"{in_lines(near.concept, LETTERS)}\n{near.similarity:.3f}")
    return figure


def _query(axes, name: str, picture: np.ndarray | None) -> None:
    if picture is None:
        axes.text(0.5, 0.5, plain(in_lines(name, LETTERS)), ha="center", va="center", fontsize=SMALL + 1, color=INK)
    else:
        axes.imshow(picture, interpolation="nearest")
        bare(axes, f"{in_lines(name, LETTERS)}\n")
