"""Karpathy's splits: the pictures of one split, with their first five captions."""

import json
import pickle

import pytest

from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.sources.archives.karpathy import Karpathy
from tandemclip.core.errors import UserError
from tandemclip.tests.core.data.sources.archives.layouts import draw


def image(name, split, captions, **more):
    return {"filename": name, "split": split, "sentences": [{"raw": text, "tokens": []} for text in captions], **more}


@pytest.fixture
def coco(tmp_path):
    six = [f" caption {number}. " for number in range(6)]
    images = [
        image("b.jpg", "test", six, filepath="val2014", cocoid=7),
        image("a.jpg", "restval", ["no"], filepath="val2014"),
        image("c.jpg", "test", ["one"], filepath="val2014"),
    ]
    (tmp_path / "dataset_coco.json").write_text(json.dumps({"images": images, "dataset": "coco"}))
    for grey, name in enumerate(("b", "c"), 1):
        draw(tmp_path, f"val2014/{name}.jpg", grey)
    return Karpathy(str(tmp_path / "dataset_coco.json"), str(tmp_path))


def test_pictures_of_the_split_have_their_first_captions(coco):
    source = pickle.loads(pickle.dumps(coco))
    assert [(int(source[n].pixels[0, 0, 0]), len(source[n].captions)) for n in range(len(source))] == [(1, 5), (2, 1)]
    assert source[0].captions[:2] == ("caption 0.", "caption 1.") and source[0].label is None
    assert list(source.texts(9)) == [f"caption {number}." for number in range(5)] + ["one"]
    images, captions = source.account()
    assert (images.all, images.read) == (3, 2) and images.passed_over["it is of another split"].first == (
        "val2014/a.jpg",
    )
    assert (captions.all, captions.read) == (7, 6)
    assert captions.passed_over["the image has more than 5"].count == 1
    assert len(Karpathy(coco.path, coco.folder, captions=9)[0].captions) == 6


def test_flickr_s_files_lie_in_one_folder(tmp_path):
    (tmp_path / "dataset_flickr30k.json").write_text(json.dumps({"images": [image("1.jpg", "test", ["a dog"])]}))
    draw(tmp_path / "flickr30k-images", "1.jpg", 3)
    source = Karpathy(str(tmp_path / "dataset_flickr30k.json"), str(tmp_path / "flickr30k-images"))
    assert int(source[0].pixels[0, 0, 0]) == 3 and source[0].captions == ("a dog",)


def test_a_picture_that_is_not_there_is_remarked_and_broken(coco, tmp_path):
    (tmp_path / "val2014" / "c.jpg").unlink()
    assert coco.account()[0].remarks["the file is not there"].first == ("val2014/c.jpg",)
    with pytest.raises(BrokenRecord):
        coco[1]


def test_a_blank_caption_is_passed_over_and_counted(coco, tmp_path):
    images = [image("b.jpg", "test", [" ", "two", "three"]), image("c.jpg", "test", ["\u200b"])]
    (tmp_path / "dataset_coco.json").write_text(json.dumps({"images": images}))
    source = Karpathy(coco.path, str(tmp_path / "val2014"), captions=2)
    of_images, captions = source.account()
    assert [source[n].captions for n in range(2)] == [("two",), ()]
    assert of_images.read == 2 and of_images.remarks["no caption"].first == ("c.jpg",)
    assert (captions.all, captions.read) == (4, 1) and captions.passed_over["it is blank"].first == ("b.jpg", "c.jpg")


@pytest.mark.parametrize(
    "images, words",
    [
        ([image("b.jpg", "test", ["one"]), image("./b.jpg", "test", ["two"])], "./b.jpg twice in the split test"),
        ([image(None, "test", ["one"])], "the filename None"),
        ([image("", "test", ["one"], filepath="val2014")], "the filename ''"),
        ([image(1, "train", ["one"])], "the filename 1"),
    ],
)
def test_a_file_name_that_is_none_or_stands_twice_is_told(coco, tmp_path, images, words):
    (tmp_path / "dataset_coco.json").write_text(json.dumps({"images": images}))
    with pytest.raises(UserError, match=rf"dataset_coco.json is not as expected \({words}\)"):
        len(coco)


@pytest.mark.parametrize("content", ['{"annotations": []}', "[]", '{"images": [{"filename": "a"}]}', "no json"])
def test_another_file_is_told(coco, tmp_path, content):
    (tmp_path / "dataset_coco.json").write_text(content)
    with pytest.raises(UserError, match="dataset_coco.json is not as expected"):
        len(coco)


def test_a_split_without_pictures_is_told(coco):
    with pytest.raises(UserError, match="has no image of the split train"):
        len(Karpathy(coco.path, coco.folder, split="train"))
