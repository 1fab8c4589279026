"""What a source has without writing it."""

import numpy as np
import pytest

from tandemclip.core.data.records import BrokenRecord, Record
from tandemclip.core.data.sources.source import Source


class Three(Source):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        if index == 2:
            raise BrokenRecord("2", "is none")
        return Record(str(index), np.zeros((2, 2, 3), np.uint8), label=[7, None][index])

    def texts(self, limit):
        yield from ()


def test_who_has_no_class_is_none_of_any():
    found = Three().labels()
    assert found.dtype == np.int32 and found.tolist() == [7, -1, -1]


@pytest.mark.parametrize("stream", ["order", "replacement"])
def test_every_epoch_of_places_has_each_record_once(stream):
    order = [Three().order(place, 5, stream) for place in range(12)]
    assert all(sorted(order[start : start + 3]) == [0, 1, 2] for start in range(0, 12, 3))
