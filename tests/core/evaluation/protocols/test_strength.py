"""CLIP's parametric search: which strengths are tried, how many, and that it ends at the peak."""

import math

import numpy as np
import pytest

from tandemclip.core.evaluation.protocols.strength import search

GRID = [10 ** (-6 + place / 8) for place in range(97)]  # 8 a decade, of 12 decades


@pytest.mark.parametrize("peak", [0, 1, 15, 16, 17, 40, 47, 95, 96])
def test_it_ends_at_the_one_peak_of_the_whole_grid(peak):
    tried = []

    def score(strength):
        tried.append(strength)
        return -abs(math.log10(strength) - math.log10(GRID[peak]))

    assert search(score) == pytest.approx(GRID[peak], rel=1e-9)
    assert tried[:7] == pytest.approx([1e-6, 1e-4, 1e-2, 1, 1e2, 1e4, 1e6])
    assert len(tried) == len(set(tried)) <= 15 and all(np.isclose(each, GRID, rtol=1e-9).any() for each in tried)
    assert len(tried) == {0: 11, 1: 12, 95: 11, 96: 11}.get(peak, 15)  # at an end there is one neighbour


def test_of_equal_ones_it_is_the_strongest():
    assert search(lambda strength: strength <= 1e3) == pytest.approx(1e3)
    assert search(lambda strength: 1.0) == pytest.approx(1e6)
