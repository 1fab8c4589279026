"""The pictures of a source that a model finds for a text."""

from dataclasses import dataclass

import numpy as np

from tandemclip.core.data.sources.source import Source
from tandemclip.core.evaluation.protocols.features import Encoded, comparable
from tandemclip.core.random import generator
from tandemclip.core.serving.model import Model


@dataclass(frozen=True, eq=False)
class Found:
    """The pictures nearest to a text, the nearest first.

    numbers [K]: of the records. similarity [K]: to the text. pixels [K, R, R, 3] uint8: as the model sees them. images
    [K, 3, R, R] float32: the same, normalised.
    """

    text: str
    numbers: np.ndarray
    similarity: np.ndarray
    pixels: np.ndarray
    images: np.ndarray


def nearest(model: Model, source: Source, encoded: Encoded, text: str, count: int) -> Found:
    """encoded: what `protocols.features.encode` gave of the source. Of equal ones the first stands first."""
    features = comparable(model.method, encoded.features, "image features")
    query = comparable(model.method, model.encode_texts([text]), "text features")
    similarity = model.similarity(features, query)[:, 0]
    numbers = np.argsort(-similarity, kind="stable")[:count]
    pixels, images = seen(model, source, numbers)
    return Found(text, numbers, similarity[numbers], pixels, images)


def seen(model: Model, source: Source, numbers) -> tuple[np.ndarray, np.ndarray]:
    """Records as the model sees them: [K, R, R, 3] uint8, and normalised [K, 3, R, R] float32."""
    view, records = model.method.inference_view(), [source[int(number)] for number in numbers]
    images = [view(record, generator("no draw"), model.tokenizer)[""] for record in records]
    return np.stack([view.cut(record.pixels) for record in records]), np.stack(images)
