"""How sure the difference between two ways of training is, given a few seeds of each and one set of evaluation
images.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from tandemclip.core.errors import UserError
from tandemclip.core.hits import Hits
from tandemclip.core.random import generator

RESAMPLES = 10_000
ELEMENTS = 1 << 22  # weights of images held at a time


def paired_interval(
    first: Sequence[Sequence[Hits]], other: Sequence[Sequence[Hits]], level: float = 0.95
) -> tuple[float, float]:
    """The interval (low, high), in percent, of the mean figure of `other` minus that of `first`.

    first, other: [seed][metric]. The figure of a seed is the mean of its metrics. Seed s of `first` is paired with seed
    s of `other`, image n with image n. Queries count by their weights. The interval covers other seeds and other images
    of the same kind; with a single seed it covers other images only.

    With S seeds, replicate r of the difference is

        d_r = d + sqrt(c) (b_r - d) + t_r s / sqrt(S)        S > 1
        d_r = b_r                                            S = 1

    and the interval lies between the quantiles (1 - level) / 2 and (1 + level) / 2 of d_r.
    d: the mean of the seeds' differences. s: their standard deviation (S - 1).
    b_r: the difference on images that are drawn with replacement (the bootstrap, Efron and Tibshirani 1993, 13.3). An
    image is drawn with all its queries, for its captions succeed and fail together. All seeds get the same draw.
    t_r: a quantile of Student's t with S - 1 degrees of freedom. Three seeds are too few to be drawn from: the range of
    three holds the true mean in 75% of all cases.
    c: the share of the variance over images that all seeds have in common (`_in_common`). The rest of it is in s
    already. c = 0 leaves Student's interval.
    """
    asked = np.stack([hits.weighted[1] for hits in first[0]])  # [metrics, N]
    for run in (*first, *other):
        if not np.array_equal(asked, [hits.weighted[1] for hits in run]):
            raise UserError("the runs were not asked the same queries; pair runs that were evaluated on the same data")
    if len(first) != len(other):
        raise UserError(f"{len(first)} seeds cannot be paired with {len(other)}; take the same seeds for both")
    gained = np.stack([[b.weighted[0] - a.weighted[0] for a, b in zip(*pair)] for pair in zip(first, other)])
    share = gained.sum(2) / asked.sum(1)  # [S, metrics]
    by_seed, seeds = 100 * share.mean(1), len(first)
    drawn = _over_images(gained.mean(0), asked)
    if seeds > 1:
        # what each image adds to each seed's figure
        added = ((gained - asked * share[..., None]) / asked.sum(1)[:, None]).mean(1)  # [S, N]
        # t drawn at even distances, not at random: its far ends decide the interval
        error = generator("seeds").permutation(stats.t.ppf((np.arange(RESAMPLES) + 0.5) / RESAMPLES, seeds - 1))
        error *= by_seed.std(ddof=1) / np.sqrt(seeds)
        drawn = by_seed.mean() + (drawn - by_seed.mean()) * np.sqrt(_in_common(added)) + error
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _in_common(added: np.ndarray) -> float:
    """[S, N] -> the part of the variance over images of the seeds' mean that is there for any seeds: the rest is noise
    / S.
    """
    mean = added.mean(0)
    noise = np.square(added - mean).sum() / (len(added) - 1) / len(added)
    total = np.square(mean).sum()
    return max(0.0, 1 - noise / total) if total else 0.0


def _over_images(gained: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """[metrics, N] weighted queries gained and asked -> [RESAMPLES] differences in percent, of images drawn anew."""
    used = asked.any(0)
    gained, asked = gained[:, used], asked[:, used]
    count, rng, parts = asked.shape[1], generator("images"), []
    for start in range(0, RESAMPLES, rows := max(1, ELEMENTS // count)):
        times = rng.multinomial(count, np.full(count, 1 / count), min(rows, RESAMPLES - start))  # [rows, N]
        parts.append(100 * ((times @ gained.T) / (times @ asked.T)).mean(1))
    return np.concatenate(parts)
