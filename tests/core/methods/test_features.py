"""What a loss is given: every kind under its name, and a rank's part of a term."""

import pytest

from tandemclip.core.methods.features import CHOSEN, Features


def test_arrays_come_back_as_the_kinds_they_were():
    features = Features({"u": 1, "a:b": 2}, {"error": (3, 4)}, {"cost": 5, "u": 6})
    arrays = features.arrays()
    assert arrays == {
        "shared:u": 1, "shared:a:b": 2, "sum:error": 3, "count:error": 4, "local:cost": 5, "local:u": 6
    }  # fmt: skip
    found = Features.of(arrays | {CHOSEN + "place": 7}, count=9, rows=(3, 6))
    assert found == Features(features.shared, features.own, features.local, {"place": 7}, (3, 6), 9)


def test_the_parts_of_all_ranks_add_up_to_the_term():
    assert Features(count=8).part(3.0) == 3.0
    parts = [Features(rows=(start, start + 2), count=6).part(3.0) for start in (0, 2, 4)]
    assert parts == pytest.approx([1.0, 1.0, 1.0])
