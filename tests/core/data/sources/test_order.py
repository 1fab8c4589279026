import numpy as np
import pytest

from tandemclip.core.data.sources import order
from tandemclip.core.data.sources.order import index

GOLDEN_SMALL = [2, 8, 0, 4, 5, 9, 3, 1, 7, 6]
GOLDEN_SCENES = [11283, 6445, 9480, 748, 9845]
GOLDEN_LARGE = [3135004, 6117011, 5079248, 8455774, 8599535]


def epoch(number, count, seed, **stream):
    return [index(position, count, seed, **stream) for position in range(number * count, (number + 1) * count)]


@pytest.fixture(params=["whole", "windows"])
def _sizes(request, monkeypatch):
    """Both rules at a size that can be looked at in full."""
    if request.param == "windows":
        for cache in (order._shards, order._window):
            cache.cache_clear()
        for name, value in (("WHOLE", 0), ("SHARD", 8), ("WINDOW", 3)):
            monkeypatch.setattr(order, name, value)
        request.addfinalizer(order._window.cache_clear)
        request.addfinalizer(order._shards.cache_clear)


@pytest.mark.usefixtures("_sizes")
@pytest.mark.parametrize("count", [1, 2, 7, 8, 23, 24, 25, 48, 333])
def test_every_epoch_has_each_record_once(count):
    for number in (0, 1, 5):
        assert sorted(epoch(number, count, seed=3)) == list(range(count))


@pytest.mark.usefixtures("_sizes")
def test_epochs_seeds_and_streams_are_different_orders():
    orders = [
        epoch(0, 333, 0), epoch(1, 333, 0), epoch(0, 333, 1), epoch(0, 333, 0, stream="replacement"), list(range(333))
    ]  # fmt: skip
    for a in range(len(orders)):
        for b in range(a):
            assert np.mean(np.equal(orders[a], orders[b])) < 0.1


@pytest.mark.usefixtures("_sizes")
def test_each_record_is_equally_likely_at_the_first_place():
    firsts = [index(0, 50, seed) for seed in range(3000)]
    counts = np.bincount(firsts, minlength=50)
    assert len(counts) == 50 and counts.min() > 25 and counts.max() < 105  # expected 60, deviation 7.7


@pytest.mark.usefixtures("_sizes")
def test_it_does_not_matter_in_which_order_positions_are_asked_for():
    forward = [index(position, 100, 9) for position in range(300)]
    backward = [index(position, 100, 9) for position in reversed(range(300))]
    assert forward == backward[::-1]


def test_the_order_of_a_small_set_is_what_it_always_was():
    assert epoch(0, 10, 0) == GOLDEN_SMALL
    assert [index(position, 12_000, 7) for position in (0, 1, 11_999, 12_000, 123_456)] == GOLDEN_SCENES


def test_the_order_of_a_large_set_is_what_it_always_was():
    assert [index(position, 10_000_000, 0) for position in (0, 1, 65_536, 9_999_999, 10_000_000)] == GOLDEN_LARGE


def test_a_large_set_is_read_from_a_limited_part_at_a_time_and_mixed_within_it():
    count = 3_000_000
    records = np.array([index(position, count, 1) for position in range(20_000)])
    assert len(set(records.tolist())) == 20_000
    shards = records // order.SHARD
    assert len(set(shards.tolist())) == order.WINDOW
    assert np.mean(shards[1:] == shards[:-1]) < 0.05  # neighbours in the order are hardly ever neighbours on the disk
    assert shards.max() - shards.min() > 2000  # a window takes its shards from everywhere
