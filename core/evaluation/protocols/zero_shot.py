"""Zero-shot classification: the class whose prompts an image resembles most (arXiv:2103.00020, section 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tandemclip.core.errors import UserError

ROWS = 4096  # images compared with all classes at a time, to bound memory


@dataclass(frozen=True)
class Accuracy:
    """Fractions in [0, 1] of the images. per_class [C] is top-1 by true class, NaN where a class has no image.

    right [N] bool: the images whose true class came first.
    """

    top1: float
    top5: float
    per_class: np.ndarray
    right: np.ndarray

    @property
    def mean_per_class(self) -> float:
        """The mean over the classes that have images."""
        return float(np.nanmean(self.per_class))


def class_embeddings(encode_texts: Callable[[list[str]], np.ndarray], prompts_by_class: list[list[str]]) -> np.ndarray:
    """One direction a class: the mean of its normalised prompt features, normalised again -> [C, D].

    encode_texts: n prompts -> [n, D]; it is called once with the prompts of all classes and batches as it likes.
    """
    empty = [index for index, prompts in enumerate(prompts_by_class) if not prompts]
    if empty or not prompts_by_class:
        raise UserError(
            f"got {len(prompts_by_class)} classes, of which {empty} have no prompt; expected at least one class and one"
            " prompt for each: check the class names and templates"
        )
    prompts = [prompt for of_one_class in prompts_by_class for prompt in of_one_class]
    features = unit_rows(encode_texts(prompts), "prompt features")
    ends = np.cumsum([len(prompts) for prompts in prompts_by_class])
    means = [rows.mean(axis=0) for rows in np.split(features, ends[:-1])]
    return unit_rows(np.stack(means), "class features")


def classify(image_features: np.ndarray, class_features: np.ndarray, top: int = 5) -> np.ndarray:
    """The classes of each image by falling cosine similarity: [N, D], [C, D] -> [N, min(top, C)] integers.

    Of equally similar classes the lower index comes first.
    """
    images, classes = unit_rows(image_features, "image features"), unit_rows(class_features, "class features")
    ranked = [
        np.argsort(-(images[start : start + ROWS] @ classes.T), axis=1, kind="stable")[:, :top]
        for start in range(0, len(images), ROWS)
    ]
    return np.concatenate(ranked)


def accuracy(predictions: np.ndarray, labels: np.ndarray, classes: int) -> Accuracy:
    """How often the true class is first, and among the first five: ranked predictions [N, K], labels [N] -> Accuracy.

    With fewer than five ranked classes, all of them count for top5.
    """
    predictions, labels = np.asarray(predictions), np.asarray(labels)
    if len(labels) == 0 or predictions.shape[:1] != labels.shape:
        raise UserError(
            f"got predictions {predictions.shape} for labels {labels.shape}; expected [N, K] and [N] with N > 0: check"
            " that the set is not empty and that both come from it"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise UserError(
            f"got labels from {labels.min()} to {labels.max()}; expected 0 to {classes - 1}: check the class list"
        )
    hits = predictions == labels[:, None]
    images = np.bincount(labels, minlength=classes)
    right = np.bincount(labels[hits[:, 0]], minlength=classes)
    per_class = np.divide(right, images, out=np.full(classes, np.nan), where=images > 0)
    return Accuracy(float(hits[:, 0].mean()), float(hits[:, :5].any(axis=1).mean()), per_class, hits[:, 0])


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
