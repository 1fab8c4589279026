"""Features of pictures on a plane, by t-SNE (van der Maaten and Hinton 2008), beside the mean prompts of their classes
(PyramidCLIP Fig. 4, UniCL Fig. 6).

In the common space texts lie apart from pictures, whatever they say, and t-SNE would put all prompts into one corner.
So each side is first centred by its own mean. This step is ours; the papers say nothing of it.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from sklearn.manifold import TSNE

from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.views.label import LabelView
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.features import encode, unit_rows
from tandemclip.core.evaluation.protocols.zero_shot import CLASS
from tandemclip.core.pictures.page import INK, legend, page
from tandemclip.core.serving.model import Model

PERPLEXITY = 30.0  # about so many neighbours of each point count
NAMED = 20  # classes that a legend names; more would have no colours of their own


@dataclass(frozen=True, eq=False)
class Plane:
    """points [N, 2]: of pictures. label [N] int: their classes. stars [C, 2]: of the classes' prompts, or None.
    names: of the classes, () where nobody says. left_out: records without a class.
    """

    points: np.ndarray
    label: np.ndarray
    stars: np.ndarray | None
    names: tuple[str, ...]
    left_out: int


def plane(model: Model, source: Source, seed: int = 0) -> Plane:
    """Of all records of the source that have a class: by the first attribute that it has prompts of, else by label.

    UserError where fewer than three have one, and of a model that gives a picture no embedding.
    """
    if not model.method.by_dot_product:
        raise UserError(f"{type(model.method).__name__} compares token by token, so that a picture is no single point")
    attribute = next(iter(source.prompts), CLASS)
    encoded = encode(model, source, {CLASS: LabelView(None if attribute == CLASS else attribute)})
    known = encoded.labels[CLASS] >= 0
    if known.sum() < 3:
        raise UserError(
            f"{known.sum()} of {len(source)} records have a class, and a plane needs 3; give another source"
        )
    rows = [centred(unit_rows(encoded.features[known], "image features"))]
    prompts = source.prompts[attribute] if source.prompts and model.method.text is not None else ()
    if prompts:
        rows.append(centred(np.stack([_mean(model, texts) for texts in prompts])))
    places, count = on_a_plane(np.concatenate(rows), seed), len(rows[0])
    stars, names = (places[count:] if prompts else None), tuple(source.class_names)
    return Plane(places[:count], encoded.labels[CLASS][known], stars, names, int((~known).sum()))


def _mean(model, texts):
    return unit_rows(unit_rows(model.encode_texts(texts), "text features").mean(0, keepdims=True), "mean prompt")[0]


def centred(rows: np.ndarray) -> np.ndarray:
    """[N, D] -> unit rows about their mean; a single row, and one that is the mean, stay zeros."""
    rows = rows - rows.mean(0)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms > 1e-9, norms, 1)


def on_a_plane(rows: np.ndarray, seed: int) -> np.ndarray:
    """[N, D] -> [N, 2]. It starts from the first two principal axes, so that little depends on the seed."""
    perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)
    return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(rows.astype(np.float32))


def drawn(found: Plane) -> Figure:
    """Points by the colour of their class, and a star of the same colour for its prompts."""
    classes = 1 + int(found.label.max()) if found.stars is None else len(found.stars)
    palette = colormaps["tab10" if classes <= 10 else "tab20" if classes <= NAMED else "hsv"]
    color = (lambda c: palette(c)) if classes <= NAMED else (lambda c: palette(c / classes))
    figure = page(6.4, 5.2)
    axes = figure.subplots()
    axes.set_axis_off()
    groups = [
        axes.scatter(*found.points[found.label == c].T, s=5, color=color(c), linewidths=0) for c in range(classes)
    ]
    for c in range(classes):
        if found.stars is not None:
            axes.scatter(*found.stars[c], s=150, marker="*", color=color(c), edgecolors=INK, linewidths=0.8, zorder=3)
    if classes <= NAMED:
        names = found.names or tuple(map(str, range(classes)))
        legend(figure, groups, names[:classes], loc="outside right center", markerscale=3, frameon=False)
    return figure
