"""Random subsets."""

import numpy as np
import pytest

from tandemclip.core.errors import UserError
from tandemclip.core.preparation.sample import sample


def test_different_numbers_in_rising_order_that_the_seed_decides():
    for records, count in ((10, 10), (10, 1), (100_000, 50), (100_000, 70_000)):
        chosen = sample(records, count, 3)
        assert len(chosen) == count and (np.diff(chosen) > 0).all() and 0 <= chosen[0] and chosen[-1] < records
        assert np.array_equal(chosen, sample(records, count, 3))
    assert not np.array_equal(sample(1000, 10, 0), sample(1000, 10, 1))


def test_each_record_is_as_likely():
    counts = np.bincount(np.concatenate([sample(20, 5, seed) for seed in range(2000)]), minlength=20)
    assert np.abs(counts - 500).max() < 5 * np.sqrt(2000 * 0.25 * 0.75)


def test_more_than_there_are_is_refused():
    with pytest.raises(UserError, match="--count is 11, and the source has 10 records"):
        sample(10, 11, 0)
