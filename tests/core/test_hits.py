"""Shares of hits."""

import numpy as np
import pytest

from tandemclip.core.answers import of_classes
from tandemclip.core.hits import Hits


def test_the_share_is_of_queries_by_their_weights():
    right, asked, weights = np.array([2, 0, 1]), np.array([2, 5, 1]), np.array([0.5, 0.1, 3.0])
    assert Hits(right, asked).share == 3 / 8
    assert Hits(right, asked, weights).share == pytest.approx((1 + 3) / (1 + 0.5 + 3))
    assert Hits(right, asked, np.full(3, 0.3)).share == pytest.approx(3 / 8)
    assert Hits(np.array([True, False]), np.array([True, True])).share == 0.5


@pytest.mark.parametrize("weights", [1.0, np.array([0.25, 4.0])])
def test_among_others_the_share_stays(weights):
    own = Hits(np.array([True, False]), np.array([True, True]), weights)
    wide = own.among(1, 5)
    assert wide.asked.tolist() == [0, 1, 1, 0, 0] and wide.right.tolist() == [0, 1, 0, 0, 0]
    assert wide.share == own.share and [len(array) for array in wide.weighted] == [5, 5]


def test_what_guessing_gets_is_weighed_as_queries_are():
    asked, weights, chance = np.array([2, 0, 1]), np.array([0.5, 9.0, 3.0]), np.array([0.1, 0.9, 0.5])
    found = Hits(np.array([2, 0, 0]), asked, weights, chance)
    assert found.queries == 3 and found.guessing == pytest.approx((2 * 0.5 * 0.1 + 3 * 0.5) / (1 + 3))
    assert Hits(asked, asked, weights, 0.25).guessing == pytest.approx(0.25) and Hits(asked, asked).guessing is None
    wide = found.among(2, 7)
    assert (wide.guessing, wide.queries, wide.interval) == (found.guessing, 3, found.interval)
    told = Hits(asked, asked, chance=0.5, remarks=("odd",), answers=of_classes(np.zeros((3, 1), int), asked))
    assert told.among(1, 4).remarks == ("odd",) and told.among(1, 4).answers is None  # they number images otherwise


@pytest.mark.parametrize("right, asked", [(0, 7), (1, 7), (3, 40), (40, 40), (500, 1000), (1, 1)])
def test_the_interval_holds_what_a_score_test_does_not_refuse(right, asked):
    """Wilson's ends are the shares p of which the share lies just 1.96 standard deviations away, sqrt(p (1 - p) / n)
    each: the definition, without its solution."""
    hits = Hits(np.arange(asked) < right, np.ones(asked))
    low, high = hits.interval
    assert 0 <= low <= right / asked <= high <= 1 and low < high
    for end in (low, high):
        if 0 < end < 1 and abs(end - right / asked) > 1e-9:
            assert abs(right / asked - end) / np.sqrt(end * (1 - end) / asked) == pytest.approx(1.959964, rel=1e-5)


def test_captions_of_one_image_count_together():
    """Five captions of each of ten images that all come out alike are ten queries, not fifty."""
    ten = Hits(np.arange(10) < 4, np.ones(10))
    assert Hits(5 * ten.right, 5 * ten.asked).interval == pytest.approx(ten.interval)
    fifty = Hits(np.arange(50) < 20, np.ones(50))
    assert fifty.interval[0] > ten.interval[0] and fifty.interval[1] < ten.interval[1]


def test_unequal_weights_make_it_wider():
    right, asked = np.arange(40) < 12, np.ones(40)
    even, heavy = Hits(right, asked), Hits(right, asked, np.where(np.arange(40) % 10 == 0, 20.0, 0.1))
    assert np.diff(heavy.interval) > 2 * np.diff(even.interval)
