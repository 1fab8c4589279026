"""Rows of several arrays are what numpy gives of all of them together, and nothing is read before it is asked for."""

import numpy as np
import pytest

from tandemclip.core.evaluation.protocols.rows import Rows


@pytest.fixture
def arrays(tmp_path):
    """Three, one on the disk and one empty, of 5 columns."""
    mapped = np.memmap(tmp_path / "rows", np.float32, "w+", shape=(7, 5))
    mapped[:] = np.arange(35).reshape(7, 5)
    return mapped, np.empty((0, 5), np.float32), np.arange(100, 120, dtype=np.float32).reshape(4, 5)


def test_slices_and_choices_are_those_of_one_array(arrays):
    whole = np.concatenate(arrays)
    rows = Rows.of(arrays[0]).then(Rows.of(arrays[1])).then(Rows.of(arrays[2]))
    assert rows.shape == whole.shape and len(rows) == 11 and rows.size == 55
    for chosen in (np.array([10, 0, 6, 7, 7]), np.array([], int), whole[:, 0] % 2 == 0):
        some = rows.take(chosen)
        assert np.array_equal(some, whole[chosen]) and some.shape == whole[chosen].shape
        assert np.array_equal(some[1:3], whole[chosen][1:3]) and some[1:3].dtype == np.float32
        assert np.array_equal(some.take(np.arange(len(some))[::-1]), whole[chosen][::-1])
    assert np.asarray(rows, np.float64).dtype == np.float64
    again = rows.take(np.array([9, 2])).then(rows.take(np.array([8])))
    assert np.array_equal(again, whole[[9, 2, 8]])
