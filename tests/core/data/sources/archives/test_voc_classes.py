"""PASCAL VOC's lists of a class each become one record a picture."""

import pickle

import numpy as np
import pytest

from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.sources.archives.voc_classes import VocClasses
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.classes import class_metrics
from tandemclip.tests.core.data.sources.archives.layouts import draw, put


@pytest.fixture
def voc(tmp_path):
    for grey, name in enumerate(("000005", "000007", "000009"), 1):
        draw(tmp_path, f"JPEGImages/{name}.jpg", grey)
    put(tmp_path, "ImageSets/Main/test.txt", "000005\n000007\n000009\n")
    put(tmp_path, "ImageSets/Main/cat_test.txt", "000005 -1\n000007  1\n000009  0\n")
    put(tmp_path, "ImageSets/Main/bird_test.txt", "000005  1\n000007  1\n000009 -1\n")
    put(tmp_path, "ImageSets/Main/cat_train.txt", "000001  1\n")
    return VocClasses(str(tmp_path))


def test_it_says_of_each_class_whether_it_is_there(voc):
    source = pickle.loads(pickle.dumps(voc))
    assert source.class_names == ("bird", "cat") and source.multi_label and len(source) == 3
    records = [source[number] for number in range(3)]
    assert [record.present.tolist() for record in records] == [[1, 0], [1, 1], [0, -1]]
    assert [int(record.pixels[0, 0, 0]) for record in records] == [1, 2, 3]
    assert {record.label for record in records} == {None} and source.labels().tolist() == [-1, -1, -1]
    assert source.prompts == {"class": [["a photo of a bird."], ["a photo of a cat."]]}
    assert class_metrics(2, source.multi_label) == ["map11"]
    assert len(VocClasses(voc.path, split="train")) == 1 and records[0].present.dtype == np.int8


def test_what_is_not_there_is_remarked_and_broken(voc, tmp_path):
    (tmp_path / "JPEGImages" / "000007.jpg").unlink()
    (account,) = voc.account()
    assert account.read == account.all == 3
    assert account.remarks["the file is not there"].first == ("JPEGImages/000007.jpg",)
    assert account.remarks["no class is in it, or one that is hard to see alone"].first == ("JPEGImages/000009.jpg",)
    with pytest.raises(BrokenRecord, match="000007"):
        voc[1]


@pytest.mark.parametrize(
    "list_, content, words",
    [
        ("cat_test.txt", "000005 -1\n000007  2\n000009  0\n", "cat_test.txt is not as VOC has it"),
        ("cat_test.txt", "000005 -1\n000009  0\n", "lists of cat and bird are of other pictures"),
        ("cat_test.txt", "000005\n", "cat_test.txt is not as VOC has it"),
        ("bird_test.txt", "", "are of other pictures"),
        ("cat_test.txt", "000005 -1\n000007  1\n000009  0\n000005  1\n", "000005 stands there several times"),
    ],
)
def test_lists_that_do_not_fit_are_told(voc, tmp_path, list_, content, words):
    put(tmp_path, f"ImageSets/Main/{list_}", content)
    with pytest.raises(UserError, match=words):
        len(voc)


def test_lists_without_a_picture_are_told(voc, tmp_path):
    put(tmp_path, "ImageSets/Main/cat_train.txt", "\n")
    with pytest.raises(UserError, match="cat_train.txt is not as VOC has it .it names no picture."):
        len(VocClasses(voc.path, split="train"))


def test_what_is_no_class_and_what_no_class_lists_is_told(voc, tmp_path):
    for name in ("._cat_test.txt", "_test.txt"):
        put(tmp_path, f"ImageSets/Main/{name}", "000005  1\n000007  1\n000009  1\n")
    put(tmp_path, "ImageSets/Main/test.txt", "000005\n000007\n000008\n000009\n")
    (account,) = voc.account()
    assert voc.class_names == ("bird", "cat") and (account.all, account.read) == (4, 3)
    assert account.passed_over["it stands in no list of a class"].first == ("JPEGImages/000008.jpg",)
    stray = account.remarks["a list that names no class: it is not read"].first
    assert stray == ("ImageSets/Main/._cat_test.txt", "ImageSets/Main/_test.txt")


def test_a_split_without_lists_is_told(tmp_path, voc):
    with pytest.raises(UserError, match="has no list like ImageSets/Main/aeroplane_val.txt"):
        len(VocClasses(voc.path, split="val"))


def test_other_answers_are_other_data(voc, tmp_path):
    before = voc.identity()
    put(tmp_path, "ImageSets/Main/cat_test.txt", "000005  1\n000007  1\n000009  0\n")
    after = VocClasses(voc.path).identity()
    assert [part for part in before if before[part].sha256 != after[part].sha256] == ["present"]
    (tmp_path / "ImageSets" / "Main" / "cat_test.txt").rename(tmp_path / "ImageSets" / "Main" / "dog_test.txt")
    renamed = VocClasses(voc.path).identity()
    assert [part for part in after if after[part].sha256 != renamed[part].sha256] == ["class_names"]
