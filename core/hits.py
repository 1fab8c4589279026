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

    Classification and image-to-text ask once an image (or not at all, where the answer is not known), text-to-image
    once a caption. All metrics of one evaluation have the same images in the same order.
    """

    right: np.ndarray
    asked: np.ndarray

    @property
    def share(self) -> float:
        """In [0, 1], of all queries."""
        return float(self.right.sum() / self.asked.sum())

    def among(self, start: int, count: int) -> Hits:
        """As those of images `start`, ... of `count`, the others of which are not asked."""
        return Hits(*(np.pad(array, (start, count - start - len(array))) for array in (self.right, self.asked)))


def percent(metrics: dict[str, Hits]) -> dict[str, float]:
    return {name: 100 * hits.share for name, hits in metrics.items()}


def save(path: Path, metrics: dict[str, Hits]) -> None:
    """One array [2, N] int32 a metric: right, asked."""
    arrays = {name: np.stack([hits.right, hits.asked]).astype(np.int32) for name, hits in metrics.items()}
    with whole_file(path) as file:
        file.write(safetensors.numpy.save(arrays))


def load(path: Path) -> dict[str, Hits]:
    try:
        arrays = safetensors.numpy.load(path.read_bytes())
    except (OSError, safetensors.SafetensorError) as error:
        raise UserError(f"{path} cannot be read ({error}); remove it and evaluate that run again") from error
    return {name: Hits(*array) for name, array in arrays.items()}
