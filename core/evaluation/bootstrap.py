"""How sure the difference between two ways of training is, given a few seeds of each and one set of evaluation
images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from tandemclip.core.errors import UserError
from tandemclip.core.random import generator
from tandemclip.core.statistic import ELEMENTS, Statistic, draws, quantiles

RESAMPLES = 10_000


def paired_interval(
    first: Sequence[Sequence[Statistic]], other: Sequence[Sequence[Statistic]], level: float = 0.95
) -> tuple[float, float]:
    """The interval (low, high), in percent, of the mean figure of `other` minus that of `first`.

    first, other: [seed][metric]. The figure of a seed is the mean of its metrics. Seed s of `first` is paired with seed
    s of `other`, image n with image n. The interval covers other seeds and other images of the same
    kind; with a single seed it covers other images only.

    With S seeds, replicate r of the difference is

        d_r = d + sqrt(c) (b_r - d) + t_r s / sqrt(S)        S > 1
        d_r = b_r                                            S = 1

    and the interval lies between the quantiles (1 - level) / 2 and (1 + level) / 2 of d_r.
    d: the mean of the seeds' differences. s: their standard deviation (S - 1).
    b_r: the difference on images that are drawn with replacement (the bootstrap, Efron and Tibshirani 1993, 13.3). An
    image is drawn with all its queries, for its captions succeed and fail together. All seeds get the same draw.
    A draw on which a figure is not defined, as it has no picture of any class, is left out.
    t_r: a quantile of Student's t with S - 1 degrees of freedom. Three seeds are too few to be drawn from: the range of
    three holds the true mean in 75% of all cases.
    c: the share of the variance over images that all seeds have in common (`_in_common`). The rest of it is in s
    already. c = 0 leaves Student's interval.
    """
    if len(first) != len(other):
        raise UserError(f"{len(first)} seeds cannot be paired with {len(other)}; take the same seeds for both")
    for run in (*first, *other):
        if not all(own.asks_as(each) for own, each in zip(first[0], run, strict=True)):
            raise UserError("the runs were not asked the same queries; pair runs that were evaluated on the same data")
    pairs, seeds = list(zip(first, other)), len(first)
    by_seed = 100 * _changes(pairs, lambda each: each.share).mean(1)
    used = np.any([each.used for each in first[0]], axis=0)
    drawn = np.concatenate([_differences(pairs, times) for times in draws(used, RESAMPLES, ELEMENTS)])
    if seeds > 1:
        added = _changes(pairs, lambda each: each.influence()).mean(1)  # [S, N]
        # t drawn at even distances, not at random: its far ends decide the interval
        error = generator("seeds").permutation(stats.t.ppf((np.arange(RESAMPLES) + 0.5) / RESAMPLES, seeds - 1))
        error *= by_seed.std(ddof=1) / np.sqrt(seeds)
        drawn = by_seed.mean() + (drawn - by_seed.mean()) * np.sqrt(_in_common(added)) + error
    return quantiles(drawn, level)


def _changes(pairs, of: Callable[[Statistic], float | np.ndarray]) -> np.ndarray:
    """[S, metrics, ...]: by how much `of` is more for each metric of the second of a pair than of the first."""
    return np.stack([[of(b) - of(a) for a, b in zip(*pair)] for pair in pairs])


def _differences(pairs, times: np.ndarray) -> np.ndarray:
    """times: [R, N] draws of images -> [R], the mean difference in percent."""
    return 100 * _changes(pairs, lambda each: each.resampled(times)).mean((0, 1))


def _in_common(added: np.ndarray) -> float:
    """[S, N] -> the part of the variance over images of the seeds' mean that is there for any seeds: the rest is noise
    / S.
    """
    mean = added.mean(0)
    noise = np.square(added - mean).sum() / (len(added) - 1) / len(added)
    total = np.square(mean).sum()
    return max(0.0, 1 - noise / total) if total else 0.0
