"""Metrics of scores: how well the pictures in which a class is there stand before those in which it is not.

One class against the rest, the figure is the mean over the classes. Scores are kept image by image, so that it can be
had anew on images drawn from them.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np

from tandemclip.core.random import generator
from tandemclip.core.statistic import ELEMENTS, Statistic, left_out

YES, NO, NOT_ASKED = 1, 0, -1  # of a class in a picture, as Record.present has them
GUESSES = 20  # rankings at random whose mean is what guessing gets


@dataclass(frozen=True, eq=False)
class Scored(Statistic):
    """scores: [N, C] finite, the higher the likelier. present: [N, C] int8, 1 yes, 0 no, -1 not asked.

    A class without a yes or without a no (as the metric needs) is left out of the mean, and so is one of a draw that
    has none. A figure of which nothing is left is NaN.
    """

    needs: ClassVar[str]  # what a class has to have, and
    tied: ClassVar[str]  # what is done with equal scores, as remarks say it

    scores: np.ndarray
    present: np.ndarray
    remarks: tuple[str, ...] = ()

    @abstractmethod
    def _figure(self, column: Ranking, times: np.ndarray) -> np.ndarray:
        """times: [R, n] how often those were drawn that the class asks, by falling score -> [R], NaN for none."""

    @cached_property
    def rankings(self) -> list[Ranking]:
        """One a class that is asked."""
        columns = zip(self.scores.T, self.present.T)
        return [ranking(scores, present) for scores, present in columns if (present != NOT_ASKED).any()]

    @property
    def used(self):
        return (self.present != NOT_ASKED).any(1)

    @property
    def queries(self):
        """Pictures, each with all that it is asked."""
        return int(self.used.sum())

    @property
    def undefined(self) -> int:
        """How many of the C classes have no figure."""
        once = np.ones((1, self.images))
        return self.present.shape[1] - sum(int(~np.isnan(self._figure(r, once[:, r.order]))[0]) for r in self.rankings)

    def resampled(self, times):
        rows = max(1, ELEMENTS // max(1, self.images))
        return np.concatenate([self._mean(times[start : start + rows]) for start in range(0, len(times), rows)])

    def _mean(self, times):
        """[R, N] -> [R], of the classes that have a figure."""
        total, count = np.zeros(len(times)), np.zeros(len(times))
        for column in self.rankings:
            figures = self._figure(column, times[:, column.order])
            known = ~np.isnan(figures)
            total[known] += figures[known]
            count += known
        return np.divide(total, count, out=np.full(len(times), np.nan), where=count > 0)

    def influence(self):
        return left_out(self.resampled, self.used)

    def asks_as(self, other):
        return type(other) is type(self) and np.array_equal(self.present, other.present)

    def array(self):
        """[2, N, C] float64: scores, present."""
        return np.stack([self.scores, self.present]).astype(np.float64)

    @classmethod
    def of_array(cls, array):
        return cls(array[0], array[1].astype(np.int8))

    def among(self, start, count):
        around = ((start, count - start - self.images), (0, 0))
        present = np.pad(self.present, around, constant_values=NOT_ASKED)
        return replace(self, scores=np.pad(self.scores, around), present=present)


@dataclass(frozen=True, eq=False)
class Ranking:
    """The n pictures that a class asks, by falling score.

    order: [n], which of the N they are. yes: [n] bool. last: [n], at which place those end that have the same score.
    """

    order: np.ndarray
    yes: np.ndarray
    last: np.ndarray

    @property
    def ties(self) -> int:
        """How many of the yes have the score of a no."""
        no = np.bincount(self.last, ~self.yes)
        return int((self.yes & (no[self.last] > 0)).sum())


def ranking(scores: np.ndarray, present: np.ndarray) -> Ranking:
    """scores [N], present [N] of one class."""
    asked = np.flatnonzero(present != NOT_ASKED)
    order = asked[np.argsort(-scores[asked], kind="stable")]
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    last = np.repeat(ends, np.diff(ends, prepend=-1))
    return Ranking(order, present[order] == YES, last)


@dataclass(frozen=True, eq=False)
class AveragePrecision(Scored):
    """The mean average precision of PASCAL VOC 2007 (Everingham et al. 2010, 4.2.1): of each class the mean, over the
    recalls t = 0, 0.1, ... 1, of the highest precision that is had at a recall of t or more.

    Pictures of equal score come in together: the precision is that behind all of them, so that their order in the data
    decides nothing. Recalls are compared as whole numbers, without rounding.
    """

    needs = "no picture has them"
    tied = "the two come in together"

    def _figure(self, column, times):
        at = np.unique(column.last[column.yes])  # where a recall is reached
        if not len(at):
            return np.full(len(times), np.nan)
        starts = np.concatenate([[0], at[:-1] + 1])  # of the stretch that ends at each
        sums = lambda counts: np.cumsum(np.add.reduceat(counts, starts, axis=1), axis=1)[:, : len(at)]
        found, seen = sums((times * column.yes)[:, : at[-1] + 1]), sums(times[:, : at[-1] + 1])  # [R, len(at)]
        precision = np.divide(found, seen, out=np.zeros(found.shape), where=seen > 0)
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        total = found[:, -1]
        rows, figure = np.arange(len(times)), np.zeros(len(times))
        for tenth in range(11):
            figure += best[rows, (10 * found < tenth * total[:, None]).sum(1)]
        return np.where(total > 0, figure / 11, np.nan)

    @cached_property
    def guessing(self):
        """By trying: the mean of rankings at random. That is more than the share of yes, as the highest precision
        counts. None where no class has a yes.
        """
        guess = lambda number: generator("guess", number).random(self.scores.shape)
        guessed = [replace(self, scores=guess(number)).share for number in range(GUESSES)]
        return None if np.isnan(self.share) else float(np.mean(guessed))


@dataclass(frozen=True, eq=False)
class RocAuc(Scored):
    """The area under the receiver operating characteristic: how often a picture with the class stands before one
    without, of all such pairs; equal scores count a half (Hanley and McNeil 1982).
    """

    needs = "no picture has them, or all do"
    tied = "that counts a half"
    guessing = 0.5

    def _figure(self, column, times):
        yes, no = times * column.yes, times * ~column.yes
        ends = np.unique(column.last)
        starts = np.concatenate([[0], ends[:-1] + 1])
        yes, no = (np.add.reduceat(each, starts, axis=1) for each in (yes, no))  # [R, distinct scores]
        behind = no.sum(1, keepdims=True) - np.cumsum(no, axis=1)
        pairs = yes.sum(1) * no.sum(1)
        won = (yes * (behind + no / 2)).sum(1)
        return np.divide(won, pairs, out=np.full(len(times), np.nan), where=pairs > 0)
