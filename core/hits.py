"""What a model got right, image by image: metrics are shares of it, and two models are compared on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from tandemclip.core.errors import UserError
from tandemclip.core.whole_file import whole_file


@dataclass(frozen=True, eq=False)
class Hits:
    """asked, right [N] int: how many queries evaluation image n stands for, and how many of them came out right.

    weights: [N] float, what a query of image n weighs; one number: the same for all. Classification and image-to-text
    ask once an image (or not at all, where the answer is not known), text-to-image once a caption. All metrics of one
    evaluation have the same images in the same order.
    """

    right: np.ndarray
    asked: np.ndarray
    weights: np.ndarray | float = 1.0

    @property
    def weighted(self) -> tuple[np.ndarray, np.ndarray]:
        """right and asked times weights, [N] float64 each."""
        return self.right * np.float64(self.weights), self.asked * np.float64(self.weights)

    @property
    def share(self) -> float:
        """In [0, 1], of all queries, each by its weight."""
        right, asked = self.weighted
        return float(right.sum() / asked.sum())

    def among(self, start: int, count: int) -> Hits:
        """As those of images `start`, ... of `count`, the others of which are not asked."""
        around = (start, count - start - len(self.asked))
        weights = np.pad(self.weights, around) if np.ndim(self.weights) else self.weights
        return Hits(np.pad(self.right, around), np.pad(self.asked, around), weights)


def percent(metrics: dict[str, Hits]) -> dict[str, float]:
    return {name: 100 * hits.share for name, hits in metrics.items()}


def save(path: Path, metrics: dict[str, Hits]) -> None:
    """One array a metric: [2, N] int32 (right, asked), or [3, N] float64 (right, asked, weights)."""
    with whole_file(path) as file:
        file.write(safetensors.numpy.save({name: _array(hits) for name, hits in metrics.items()}))


def load(path: Path) -> dict[str, Hits]:
    try:
        arrays = safetensors.numpy.load(path.read_bytes())
    except (OSError, safetensors.SafetensorError) as error:
        raise UserError(f"{path} cannot be read ({error}); remove it and evaluate that run again") from error
    return {name: Hits(*array[:2].astype(np.int32), *array[2:]) for name, array in arrays.items()}


def _array(hits: Hits) -> np.ndarray:
    if np.ndim(hits.weights):
        return np.stack([hits.right, hits.asked, hits.weights]).astype(np.float64)
    return np.stack([hits.right, hits.asked]).astype(np.int32)
