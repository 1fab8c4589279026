"""Shares of pixels: their distribution, and rectangles where pictures are cut."""

import numpy as np
import pytest
from scipy import stats

from tandemclip.core.data.views.mix import MixView


def drawn(view, count=3000):
    rng = np.random.default_rng(0)
    return np.stack([view(None, rng, None)[""][0] for _ in range(count)])


@pytest.mark.parametrize("parameter", [0.8, 1.0, 0.2])
def test_mixup_is_one_share_drawn_from_beta(parameter):
    maps = drawn(MixView(4, parameter, 0.0))
    assert (maps == maps[:, :1, :1]).all() and maps.dtype == np.float32
    assert stats.kstest(maps[:, 0, 0], stats.beta(parameter, parameter).cdf).pvalue > 0.01


def test_cutmix_is_a_rectangle_of_the_other_picture():
    maps = drawn(MixView(32, 0.0, 1.0))
    assert set(np.unique(maps)) == {0.0, 1.0}
    inner = []
    for own in maps:
        rows, columns = (np.flatnonzero((own == 0).any(axis)) for axis in (1, 0))
        assert (own == 0).sum() == len(rows) * len(columns)
        if len(rows) and rows[0] > 0 and columns[0] > 0 and rows[-1] < 31 and columns[-1] < 31:
            inner.append((len(rows), len(columns)))
    assert len(inner) > 100 and np.abs(np.diff(inner, axis=1)).max() <= 1  # a square where no edge cuts it off
    mean = maps.mean(0)
    assert maps.mean((1, 2)).min() < 0.1 and maps.mean((1, 2)).max() > 0.99
    assert np.abs(mean - mean[::-1]).max() < 0.06 and np.abs(mean - mean.T).max() < 0.06  # the centre is anywhere


def test_with_both_each_has_half():
    cut = (drawn(MixView(16, 0.8, 1.0))[:, None] % 1 == 0).all((1, 2, 3))
    assert 0.45 < cut.mean() < 0.55
