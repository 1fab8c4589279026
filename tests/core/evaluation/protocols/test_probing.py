"""A probe's strength is chosen on what it does not learn from, and fits that do not converge are counted."""

import re

import numpy as np
import pytest

from tandemclip.core.evaluation.protocols.learned import Labelled
from tandemclip.core.evaluation.protocols.one_against_rest import OneAgainstRest
from tandemclip.core.evaluation.protocols.probing import choose, on_convergence, on_untold, probe
from tandemclip.core.evaluation.protocols.rows import Rows
from tandemclip.core.random import generator


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
        ([True] * 15, [False], "1 of 16 fits did not converge within 1,000 iterations, the measured one too"),
        ([True], [False, True], "1 of 3 fits .* iterations, 1 of the 2 that are measured among them"),
    ],
)
def test_fits_that_do_not_converge_are_counted(tried, measured, told):
    found = on_convergence(tried, measured)
    assert found == () if told == () else re.search(told, *found)


def test_where_a_picture_may_have_several_classes_the_ranking_decides():
    """Two classes told by the same noisy features, asked in both directions."""
    features, right, labels = noisy(300, 0)
    both = lambda truth: Labelled(Rows.of(features), np.stack([truth, 1 - truth, 0 * truth], 1).astype(np.int8))
    chosen = choose(both(labels), both(right))
    assert 1 < chosen.strength < 1e5
    found = probe(both(labels), chosen.strength)
    assert isinstance(found, OneAgainstRest) and found.untold == (2,)
    told = "1 of 3 classes, the first is number 2, are in none of the pictures that are learned from, or in all"
    assert on_untold(found)[0].startswith(told) and on_untold(probe(Labelled(Rows.of(features), labels), 1.0)) == ()
