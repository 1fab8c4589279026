"""Which words a method holds together with which places of a picture, drawn on the picture.

LightCLIP matches tokens one to one (3.3); FILIP takes maxima (3.1), by default of each place its word. The method says
which (`Method.correspondence`).
"""

from dataclasses import dataclass
from math import isqrt

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.pictures.page import SMALL, bare, page, plain
from tandemclip.core.pictures.retrieved import seen
from tandemclip.core.serving.model import Model

SIDE = 3.0  # of a picture, in inches
LETTERS = 42  # of a caption above it
EDGE = 0.04  # between the frame and the cell's edge, in cells
PADDING = "[padding]"  # what a position behind the end is called, where a method lets it take part
SHORT, WIDE = 4, 1.3  # letters that any word has room for; a font's size over the width of a letter


@dataclass(frozen=True)
class Pair:
    """word: the token's number in the text, called `name`. row, column: of the cell, of `side` a side. cosine."""

    word: int
    name: str
    row: int
    column: int
    cosine: float


@dataclass(frozen=True, eq=False)
class Matched:
    """pixels [R, R, 3] uint8. side: cells of a row."""

    text: str
    pixels: np.ndarray
    side: int
    pairs: tuple[Pair, ...]


def matched(model: Model, source: Source, count: int) -> list[Matched]:
    """The first `count` records of the source, each with its first caption.

    UserError for a record without one, and of a method that compares no tokens.
    """
    numbers = range(min(count, len(source)))
    captions = [source[number].captions for number in numbers]
    if not all(captions):
        raise UserError(f"record {captions.index(())} of the source has no caption; give a source whose records have")
    texts = [each[0] for each in captions]
    ids, (pixels, images) = model.reading.ids(texts), seen(model, source, numbers)
    cost = model.engine.apply("token_costs", images, ids)
    found, side = model.method.correspondence(cost), isqrt(cost.shape[1])
    return [
        Matched(
            text, pixels[i], side, _pairs(model.tokenizer.pieces(ids[i]), cost[i], {n: x[i] for n, x in found.items()})
        )
        for i, text in enumerate(texts)
    ]


def _pairs(names, cost, found) -> tuple[Pair, ...]:  # cost [T, L]; found: [K] each
    side, there = isqrt(len(cost)), found["matched"] > 0
    places = zip(found["image"][there], found["text"][there])
    return tuple(Pair(int(j), names[j] or PADDING, *divmod(int(i), side), 1 - float(cost[i, j])) for i, j in places)


def by_word(found: Matched) -> list[tuple[str, int, float]]:
    """(token, how many places it is held together with, their mean cosine), in the order of the text."""
    words = sorted({(pair.word, pair.name) for pair in found.pairs})
    cosines = {word: [pair.cosine for pair in found.pairs if pair.word == word] for word, _ in words}
    return [(name, len(cosines[word]), float(np.mean(cosines[word]))) for word, name in words]


def drawn(found: list[Matched]) -> Figure:
    """The pictures side by side: a frame in the word's colour around each cell, and the word in it."""
    palette, figure = colormaps["tab20"], page(SIDE * len(found), SIDE + 0.3)
    for axes, each in zip(figure.subplots(1, len(found), squeeze=False)[0], found):
        bare(axes, each.text if len(each.text) <= LETTERS else f"{each.text[: LETTERS - 3]}...")
        axes.imshow(each.pixels, extent=(0, each.side, each.side, 0), interpolation="nearest")
        for (row, column), pairs in _by_cell(each.pairs).items():
            color, names = palette(pairs[0].word % palette.N), [pair.name for pair in pairs]
            frame = (column + EDGE, row + EDGE), 1 - 2 * EDGE, 1 - 2 * EDGE
            axes.add_patch(Rectangle(*frame, fill=False, edgecolor=color, linewidth=1.5))
            room = 72 * SIDE / each.side / max(SHORT, *map(len, names))  # points a letter
            box = {"facecolor": color, "edgecolor": "none", "pad": 0.8, "alpha": 0.85}
            given = {"fontsize": min(SMALL, WIDE * room), "ha": "center", "va": "bottom", "bbox": box}
            axes.text(column + 0.5, row + 0.92, plain("\n".join(names)), **given)
    return figure


def _by_cell(pairs):
    cells: dict[tuple[int, int], list[Pair]] = {}
    for pair in pairs:
        cells.setdefault((pair.row, pair.column), []).append(pair)
    return cells
