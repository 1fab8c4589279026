"""The concepts whose texts a model finds nearest to a picture, and the pictures that it finds nearest to each of those.

After UniCL's Figures 9 and 10, where a concept is asked about in place of a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.features import Encoded, comparable
from tandemclip.core.pictures.retrieved import seen
from tandemclip.core.serving.model import Model

TEXTS = "text features"


@dataclass(frozen=True, eq=False)
class Near:
    """A concept and its exemplars, the nearest first. numbers [K]: of the records. pixels [K, R, R, 3] uint8."""

    concept: str
    similarity: float
    numbers: np.ndarray
    pixels: np.ndarray


@dataclass(frozen=True, eq=False)
class Concepts:
    """names: as they are shown. features [M, ...]: of their texts."""

    names: tuple[str, ...]
    features: np.ndarray


def concepts_of(model: Model, names: Sequence[str], template: str) -> Concepts:
    """template: the text of a concept, with {} for its name."""
    texts = [template.replace("{}", name) for name in names]
    return Concepts(tuple(names), comparable(model.method, model.encode_texts(texts), TEXTS))


def to_pictures(model: Model, concepts: Concepts, pictures: np.ndarray) -> np.ndarray:
    """Features of pictures, [Q, ...] -> [Q, M]: how near each concept is."""
    return model.similarity(comparable(model.method, pictures, "image features"), concepts.features)


def to_texts(model: Model, concepts: Concepts, texts: Sequence[str]) -> np.ndarray:
    """-> [Q, M]: the cosine of each text and each concept. UserError where texts have none."""
    if not model.method.by_dot_product:
        raise UserError(
            f"{type(model.method).__name__} compares pictures with texts in a way of its own, and texts with texts not "
            "at all; ask about pictures"
        )
    return comparable(model.method, model.encode_texts(list(texts)), TEXTS) @ concepts.features.T


def nearest_concepts(
    model: Model, concepts: Concepts, similarity: np.ndarray, source: Source, encoded: Encoded, top: int, exemplars: int
) -> list[list[Near]]:
    """similarity [Q, M] -> for each query the `top` nearest concepts. encoded: what `protocols.features.encode` gave of
    the source, whose pictures are the exemplars. Of equal ones the first stands first.
    """
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :top]
    wanted = np.unique(order)
    pictures = comparable(model.method, encoded.features, "image features")
    of_concepts = model.similarity(pictures, concepts.features[wanted]).T  # [wanted, N]
    places = np.argsort(-of_concepts, axis=1, kind="stable")[:, :exemplars]
    pixels = {concept: seen(model, source, numbers)[0] for concept, numbers in zip(wanted, places)}
    numbers = dict(zip(wanted, places))
    return [
        [Near(concepts.names[i], float(row[i]), numbers[i], pixels[i]) for i in of_query]
        for row, of_query in zip(similarity, order)
    ]
