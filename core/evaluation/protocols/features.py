"""What every protocol reads of a source with a model: features, labels and captions, record by record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.views.label import LabelView, PresentView
from tandemclip.core.data.views.view import View
from tandemclip.core.errors import UserError
from tandemclip.core.methods.method import Method
from tandemclip.core.serving.model import Model


@dataclass(frozen=True, eq=False)
class Encoded:
    """features [N, ...], labels {name: [N] int, -1 where there is none, or [N, C]} and captions of N records, in their
    order.

    Features may lie in a file that is mapped into memory. captions: empty where they were not asked for.
    """

    features: np.ndarray
    labels: dict[str, np.ndarray]
    captions: list[tuple[str, ...]]


def encode(
    model: Model, source: Source, labels: dict[str, View], what: str = "encode_image", captions: bool = False
) -> Encoded:
    """Every record of the source, each read once. what: the function of the method that takes its picture."""
    return Encoded(*model.encode_source(source, what, labels, captions))


def with_class(model: Model, source: Source, what: str, classes: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Features [N, ...] and classes [N] int, -1 where a record has none; of a source whose pictures may have several,
    [N, C] int8, 1 yes, 0 no, -1 not asked. classes: how many there are, if known.
    """
    encoded = encode(model, source, {"class": class_view(source, classes)}, what)
    truth = encoded.labels["class"]
    if not told(truth).any():
        raise UserError("no record of the evaluation source has a class; they need one (NNN.cls in shards)")
    return encoded.features, truth


def class_view(source: Source, classes: int | None) -> View:
    """What tells the class of a record, or which of its classes are there. classes: how many there are, if known."""
    if source.multi_label:
        return PresentView(len(source.class_names))
    return LabelView(classes=classes)


def told(truth: np.ndarray) -> np.ndarray:
    """What either view gave, [N] or [N, C] -> [N] bool, whether anything is known of a record."""
    return (truth >= 0).reshape(len(truth), -1).any(1)


def comparable(method: Method, features: np.ndarray, name: str) -> np.ndarray:
    """As `Model.similarity` takes them: [N, D] as directions; [N, ...] as they are where a method compares in a way of
    its own.
    """
    return unit_rows(features, name) if method.by_dot_product else features


def unit_rows(features: np.ndarray, name: str) -> np.ndarray:
    """[N, D] -> [N, D] float64 rows of length 1. A row of zeros or NaN has no direction, and a metric would hide it."""
    features = np.asarray(features, dtype=np.float64)
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    bad = np.flatnonzero(~(np.isfinite(norms[:, 0]) & (norms[:, 0] > 0)))
    if len(bad):
        raise UserError(
            f"the {name} {features.shape} have {len(bad)} rows that are zero or not finite, the first is row {bad[0]};"
            " expected a direction in every row: check the checkpoint and the inputs of that row"
        )
    return features / norms
