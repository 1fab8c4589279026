"""Some records of each class: parts that meet in no record and are the same every time."""

import numpy as np
import pytest
from PIL import Image

from tandemclip.core.data.sources.class_folder import ClassFolder
from tandemclip.core.data.sources.of_each_class import OfEachClass
from tandemclip.core.errors import UserError

COUNTS = {"ant": 5, "bee": 3, "cat": 7}


@pytest.fixture
def animals(tmp_path):
    for name, count in COUNTS.items():
        (tmp_path / name).mkdir()
        for number in range(count):
            Image.new("L", (2, 2)).save(tmp_path / name / f"{number}.png")
    return ClassFolder(str(tmp_path))


def test_two_parts_are_all_and_have_nothing_in_common(animals):
    first, rest = OfEachClass(animals, stop=3), OfEachClass(animals, start=3)
    assert np.bincount(first.labels()).tolist() == [3, 3, 3]
    assert np.bincount(rest.labels(), minlength=3).tolist() == [2, 0, 4]
    keys = [[part[n].key for n in range(len(part))] for part in (first, rest)]
    assert len(set(keys[0]) | set(keys[1])) == len(animals) == len(keys[0]) + len(keys[1])
    assert [part[n].label for part in (first, rest) for n in range(len(part))] == [*first.labels(), *rest.labels()]
    assert keys[0] == [OfEachClass(animals, stop=3)[n].key for n in range(9)]
    assert first.class_names == ("ant", "bee", "cat") and first.prompts == animals.prompts


def test_it_is_drawn_and_not_the_first_ones(animals):
    assert [OfEachClass(animals, stop=1)[n].key[-5] for n in range(3)] != ["0", "0", "0"]


def test_a_part_between(animals):
    assert np.bincount(OfEachClass(animals, start=2, stop=4).labels()).tolist() == [2, 1, 2]


def test_records_without_a_class_are_of_no_part(animals, monkeypatch):
    labels = animals.labels()
    monkeypatch.setattr(ClassFolder, "labels", lambda self: np.where(np.arange(len(labels)) == 0, -1, labels))
    assert len(OfEachClass(animals)) == len(animals) - 1


@pytest.mark.parametrize("start, stop, words", [(3, 3, "expected start < stop"), (9, None, "has more than 9 records")])
def test_an_empty_part_is_told(animals, start, stop, words):
    with pytest.raises(UserError, match=words):
        len(OfEachClass(animals, start, stop))
