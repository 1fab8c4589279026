"""Views: what a method asks of the data, each one a function of a record, in arrays of fixed shapes.

A method declares {name: View}; a batch is a flat dict {name + suffix: array [B, ...]}, e.g. "image_global",
"text_summary", "rois", "rois_mask". A new view is a new class in any module; nothing else knows the ones here.
"""

from abc import ABC, abstractmethod

import numpy as np

from tandemclip.core.data.records import Record
from tandemclip.core.identity import Identity


class View(ABC):
    """One piece of a sample. Subclasses are frozen dataclasses: they are pickled and sent to worker processes."""

    @abstractmethod
    def arrays(self) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
        """{suffix: (shape of one sample, dtype)}; the suffix is "" for the array that bears the view's own name."""

    @abstractmethod
    def __call__(self, record: Record, rng: np.random.Generator, tokenizer) -> dict[str, np.ndarray]:
        """{suffix: array}. Randomness comes from `rng`. Raises BrokenRecord where the record lacks what is needed."""

    def identity(self) -> dict[str, Identity]:
        """{name: what it reads beside the record}, e.g. "wordnet". UserError where that is missing.

        A run asks before its first step, and when it goes on.
        """
        return {}


def batch_arrays(views: dict[str, View], batch_size: int) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """{name: (shape, dtype)} of a whole batch."""
    return {
        name + suffix: ((batch_size, *shape), np.dtype(dtype))
        for name, view in views.items()
        for suffix, (shape, dtype) in view.arrays().items()
    }
