"""What a model got right, image by image: metrics are shares of it, and two models are compared on it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tandemclip.core.answers import Answers
from tandemclip.core.statistic import Statistic

Z = 1.959963984540054  # 95% of a normal distribution lie within so many standard deviations


@dataclass(frozen=True, eq=False)
class Hits(Statistic):
    """asked, right [N] int: how many queries evaluation image n stands for, and how many of them came out right.

    weights: [N] float, what a query of image n weighs; one number: the same for all. Classification and image-to-text
    ask once an image (or not at all, where the answer is not known), text-to-image once a caption. All metrics of one
    evaluation have the same images in the same order.

    chance: how often guessing answers a query of image n right, [N] float or one number for all; None: nobody says.
    remarks: what a person has to know of how it was measured, a sentence each. answers: see `Statistic`.
    """

    right: np.ndarray
    asked: np.ndarray
    weights: np.ndarray | float = 1.0
    chance: np.ndarray | float | None = None
    remarks: tuple[str, ...] = ()
    answers: Answers | None = None

    @property
    def weighted(self) -> tuple[np.ndarray, np.ndarray]:
        """right and asked times weights, [N] float64 each."""
        return self.right * np.float64(self.weights), self.asked * np.float64(self.weights)

    @property
    def used(self) -> np.ndarray:
        return self.weighted[1] > 0

    @property
    def share(self) -> float:
        """In [0, 1], of all queries, each by its weight."""
        right, asked = self.weighted
        return float(right.sum() / asked.sum())

    @property
    def queries(self) -> int:
        return int(self.asked.sum())

    @property
    def guessing(self) -> float | None:
        """The share that guessing would get, in [0, 1]."""
        if self.chance is None:
            return None
        asked = self.weighted[1]
        return float((asked * np.float64(self.chance)).sum() / asked.sum())

    @property
    def interval(self) -> tuple[float, float]:
        """Where the share would lie, at 95%, on other images of the same kind: Wilson's interval (1927), which holds at
        shares of 0 and 1 too.

        Of the effective number of queries, (sum a)^2 / sum a^2 (Kish 1965), a: what an image asks, by weight. Its
        queries count together, as captions of one image succeed and fail together.
        """
        asked, share = self.weighted[1], self.share
        part = Z**2 / (asked.sum() ** 2 / np.square(asked).sum())
        middle, half = share + part / 2, np.sqrt(part * (share * (1 - share) + part / 4))
        return float(max(0.0, (middle - half) / (1 + part))), float(min(1.0, (middle + half) / (1 + part)))

    def resampled(self, times):
        right, asked = self.weighted
        with np.errstate(invalid="ignore"):  # of draws in which nothing was asked
            return (times @ right) / (times @ asked)

    def influence(self):
        right, asked = self.weighted
        return (right - asked * self.share) / asked.sum()

    def asks_as(self, other):
        return isinstance(other, Hits) and np.array_equal(self.weighted[1], other.weighted[1])

    def among(self, start: int, count: int) -> Hits:
        """As those of images `start`, ... of `count`, the others of which are not asked."""
        around = (start, count - start - len(self.asked))
        padded = lambda each: np.pad(each, around) if np.ndim(each) else each
        right, asked = np.pad(self.right, around), np.pad(self.asked, around)
        around_all = {"weights": padded(self.weights), "chance": padded(self.chance)}
        return replace(self, right=right, asked=asked, answers=None, **around_all)

    def array(self) -> np.ndarray:
        """[2, N] int32 (right, asked), or [3, N] float64 (right, asked, weights)."""
        if np.ndim(self.weights):
            return np.stack([self.right, self.asked, self.weights]).astype(np.float64)
        return np.stack([self.right, self.asked]).astype(np.int32)

    @classmethod
    def of_array(cls, array: np.ndarray) -> Hits:
        return cls(*array[:2].astype(np.int32), *array[2:])
