"""One process alone, and a number that all ranks add up."""

import numpy as np
import pytest

from tandemclip.backends.reference.ops import Reference
from tandemclip.core.training.ranks import Alone, total


class Thirds:
    """The first of three ranks, of which the others have twice and three times what it has."""

    rank, size = 0, 3

    def gather(self, x):
        return np.concatenate([x, 2 * x, 3 * x])

    def sum(self, x):
        assert x.dtype != object and np.ndim(x) == 0
        return x + 2 * x + 3 * x


class Engine:
    def __init__(self, ranks, ops):
        self.ranks, self.ops = ranks, ops


def test_one_process_has_everything():
    alone, x = Alone(), np.arange(6.0).reshape(2, 3)
    assert (alone.rank, alone.size) == (0, 1)
    assert alone.gather(x) is x and alone.sum(x) is x


@pytest.mark.parametrize("value", [0, 1.25, -3, np.float32(2.5)])
def test_the_total_is_over_all_ranks(value):
    found = total(Engine(Thirds(), Reference()), value)
    assert found == 6 * value and type(found) is float


def test_one_rank_asks_no_device():
    found = total(Engine(Alone(), None), np.float32(0.1))
    assert found == float(np.float32(0.1)) and type(found) is float
