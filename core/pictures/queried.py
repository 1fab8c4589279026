"""The rows of a page about one query: the pictures nearest to it, and where in them it is found."""

import numpy as np

from tandemclip.core.data.sources.source import Source
from tandemclip.core.evaluation.protocols.features import Encoded
from tandemclip.core.pictures.grad_cam import grad_cam
from tandemclip.core.pictures.heatmaps import Row
from tandemclip.core.pictures.retrieved import nearest
from tandemclip.core.serving.model import Model


def queried(
    model: Model, source: Source, encoded: Encoded, query: str, top: int, words: bool, node: str | None
) -> list[Row]:
    """The pictures alone, then a row of maps for the query, and with `words` one for each of its words, asked alone.

    encoded: what `protocols.features.encode` gave of the source. node: see `grad_cam`.
    """
    found = nearest(model, source, encoded, query, top)
    titles = tuple(f"{number}: {value:.3f}" for number, value in zip(found.numbers, found.similarity))
    asked = [query, *(dict.fromkeys(query.split()) if words else [])]
    maps = [grad_cam(model, found.images, [text] * len(found.images), node) for text in asked]
    empty = ("",) * len(found.images)
    return [Row("", found.pixels, None, titles), *(Row(t, found.pixels, each, empty) for t, each in zip(asked, maps))]


def blank(rows: list[Row]) -> list[str]:
    """A sentence for each text that has maps without anything above zero."""
    count = {row.name: int((np.max(row.maps, (1, 2)) == 0).sum()) for row in rows if row.maps is not None}
    return [f"{n} maps of {name!r} are zero everywhere: nothing there speaks for it" for name, n in count.items() if n]
