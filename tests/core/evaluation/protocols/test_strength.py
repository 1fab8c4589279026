"""CLIP's parametric search: which strengths are tried, how many, and that it ends at the peak."""

import math
import re

import numpy as np
import pytest

from tandemclip.core.evaluation.protocols.learned import Labelled
from tandemclip.core.evaluation.protocols.rows import Rows
from tandemclip.core.evaluation.protocols.strength import choose, on_convergence, search
from tandemclip.core.random import generator

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


def noisy(count, seed):
    """200 dimensions of which ten matter, and a fifth of the labels is wrong."""
    rng = generator("noisy", seed)
    features = rng.standard_normal((count, 200)).astype(np.float32)
    right = (features[:, :10].sum(1) > 0).astype(int)
    return features, right, np.where(rng.random(count) < 0.2, 1 - right, right)


def test_it_is_chosen_on_what_is_held_out():
    """What was learned from would be told best by a classifier that is hardly regularised."""
    features, right, labels = noisy(300, 0)
    learned = Labelled(Rows.of(features), labels)
    held = Labelled(Rows.of(features), right)
    chosen = choose(learned, held)
    assert 1 < chosen.strength < 1e5 and 11 <= len(chosen.converged) <= 15 and all(chosen.converged)


@pytest.mark.parametrize(
    "tried, measured, told",
    [
        ([True] * 15, [True], ()),
        ([True, False, False], [True], "2 of 4 fits did not converge within 1,000 iterations, none that is measured"),
        ([True], [False, True], "1 of 3 fits .* iterations, 1 of the 2 that are measured among them"),
    ],
)
def test_fits_that_do_not_converge_are_counted(tried, measured, told):
    found = on_convergence(tried, measured)
    assert found == () if told == () else re.search(told, *found)
