"""What a metric is: a figure of some images, that can be had anew on images drawn from them.

So every metric has an interval, and two models can be compared on the same images, whatever the figure is made of:
shares of right answers (core/hits.py), or how scores rank what is there (core/scored.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np

from tandemclip.core.answers import Answers
from tandemclip.core.random import generator

RESAMPLES = 1_000  # for the interval of one figure
ELEMENTS = 1 << 22  # numbers of drawn images held at a time


class Statistic(ABC):
    """A metric of N images. Subclasses are frozen dataclasses.

    All metrics of one evaluation have the same images in the same order. An image counts or not: of those that do not,
    nothing was asked.

    remarks: what a person has to know of how it was measured, a sentence each. answers: what it rests on, for people to
    look at; None where it keeps none, or another metric of the same answers has them.
    """

    remarks: tuple[str, ...]
    answers: Answers | None = None

    @property
    @abstractmethod
    def used(self) -> np.ndarray:
        """[N] bool: the images that count."""

    @property
    @abstractmethod
    def queries(self) -> int:
        """How many questions it rests on."""

    @property
    @abstractmethod
    def guessing(self) -> float | None:
        """What guessing would get, in [0, 1]; None: nobody says."""

    @abstractmethod
    def resampled(self, times: np.ndarray) -> np.ndarray:
        """times: [R, N] >= 0, how often each image was drawn -> [R], the figure on those; NaN where there is none.

        On images drawn once each it is `share`.
        """

    @abstractmethod
    def influence(self) -> np.ndarray:
        """[N]: what each image adds to the figure, or takes from it: the derivative by how often it was drawn."""

    @abstractmethod
    def asks_as(self, other: Statistic) -> bool:
        """Whether the other was asked the same of the same images, so that the two can be paired."""

    @abstractmethod
    def array(self) -> np.ndarray:
        """What is kept of it in a file (core/statistics_file.py): enough to compare it, not what guessing gets."""

    @classmethod
    @abstractmethod
    def of_array(cls, array: np.ndarray) -> Statistic:
        """What `array` gave, as a statistic again."""

    @abstractmethod
    def among(self, start: int, count: int) -> Statistic:
        """As that of images `start`, ... of `count`, the others of which do not count."""

    @property
    def images(self) -> int:
        """N, those that do not count too."""
        return len(self.used)

    @property
    def share(self) -> float:
        """The figure, in [0, 1]."""
        return float(self.resampled(np.ones((1, self.images)))[0])

    @cached_property
    def interval(self) -> tuple[float, float]:
        """Where the figure would lie, at 95%, on other images of the same kind: the percentiles of the bootstrap (Efron
        and Tibshirani 1993, 13.3). It has no width where no image contradicts: of a perfect ranking it says little.
        """
        drawn = np.concatenate([self.resampled(times) for times in draws(self.used, RESAMPLES)])
        low, high = quantiles(drawn, 0.95)
        return low, high

    @property
    def told_by_guessing(self) -> bool:
        """It could not have come out otherwise: guessing answers every query, as with one class."""
        return self.guessing is not None and self.guessing >= 1 - 1e-9

    @property
    def no_better_than_guessing(self) -> bool:
        """The interval reaches down to what guessing gets; False where nobody says what that is."""
        return self.guessing is not None and self.interval[0] <= self.guessing


def draws(used: np.ndarray, resamples: int, elements: int = ELEMENTS) -> Iterator[np.ndarray]:
    """used: [N] bool -> blocks [rows, N] of `resamples` rows in all: how often each image is drawn, with
    replacement, as many in a row as there are of those that count. The same whenever they are drawn, in whatever
    blocks.
    """
    numbers, rng = np.flatnonzero(used), generator("images")
    rows = max(1, elements // max(1, len(used)))
    for start in range(0, resamples, rows):
        times = np.zeros((min(rows, resamples - start), len(used)))
        times[:, numbers] = rng.multinomial(len(numbers), np.full(len(numbers), 1 / len(numbers)), len(times))
        yield times


def quantiles(drawn: np.ndarray, level: float) -> tuple[float, float]:
    """[R] -> the ends between which the share `level` of them lies. Draws without a figure (NaN) are left out."""
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def left_out(figure: Callable[[np.ndarray], np.ndarray], used: np.ndarray) -> np.ndarray:
    """figure: as `Statistic.resampled`, used: [N] bool -> [N], by how much it is higher with each image than without
    it: the jackknife, which stands for `influence` where there is no formula. It costs a figure for each that counts.
    """
    numbers, rows, found = np.flatnonzero(used), max(1, ELEMENTS // max(1, len(used))), np.zeros(len(used))
    whole = figure(np.ones((1, len(used))))
    for part in np.split(numbers, range(rows, len(numbers), rows)):
        times = np.ones((len(part), len(used)))
        times[np.arange(len(part)), part] = 0
        found[part] = np.nan_to_num(whole - figure(times))  # 0 where there is no figure without it
    return found


def percent(metrics: dict[str, Statistic]) -> dict[str, float]:
    return {name: 100 * each.share for name, each in metrics.items()}
