"""The beginning of a source."""

import pytest

from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.first import First
from tandemclip.core.data.sources.part import Part

WHOLE = Scenes(size=16, count=50)


def test_distinct_records_from_all_over_the_source():
    keys = [First(WHOLE, 20)[number].key for number in range(20)]
    everything = [WHOLE[number].key for number in range(50)]
    assert len(set(keys)) == 20 and set(keys) < set(everything) and keys != everything[:20]
    assert max(everything.index(key) for key in keys) > 25


def test_more_than_there_are_is_all():
    assert len(First(WHOLE, 80)) == 50
    with pytest.raises(IndexError):
        First(WHOLE, 20)[20]


def test_the_vocabulary_is_that_of_the_whole():
    assert list(First(WHOLE, 2).texts(100)) == list(WHOLE.texts(100))


@pytest.mark.parametrize("count", [1, 2, 19, 49])
def test_what_is_left_out_is_named_up_to_three(count):
    _, account = First(WHOLE, count).account()
    (named,) = account.passed_over.values()
    assert (account.all, account.read, named.count) == (50, count, 50 - count)
    taken = {WHOLE.order(number, 0) for number in range(count)}
    assert named.first == tuple([f"record {number}" for number in range(50) if number not in taken][:3])


def test_a_part_says_which_records_are_its():
    with pytest.raises(TypeError, match="abstract.*chosen"):
        Part()
