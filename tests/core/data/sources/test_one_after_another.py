"""Sources one after another: whole ones, in an order of their own every epoch, each shuffled by itself."""

from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.one_after_another import OneAfterAnother


class Backwards(Scenes):
    """A source with an order of its own."""

    def order(self, position, seed, stream="order"):
        return len(self) - 1 - position % len(self)


def test_every_epoch_has_each_record_once_and_no_source_is_cut():
    source = OneAfterAnother((Scenes(count=5), Scenes(count=3, seed=1), Scenes(count=4, seed=2)))
    starts, firsts = [0, 5, 8, 12], set()
    for epoch in range(12):
        order = [source.order(epoch * 12 + place, 0) for place in range(12)]
        assert sorted(order) == list(range(12))
        which = [max(i for i, start in enumerate(starts) if start <= number) for number in order]
        assert len(set(which)) == 1 + sum(a != b for a, b in zip(which, which[1:]))
        firsts.add(which[0])
    assert firsts == {0, 1, 2}
    assert source[6].key == Scenes(count=3, seed=1)[1].key


def test_the_order_within_is_the_sources_own():
    source = OneAfterAnother((Backwards(count=4),))
    assert [source.order(place, 0) for place in range(8)] == [3, 2, 1, 0, 3, 2, 1, 0]
