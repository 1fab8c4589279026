"""COCO's caption annotations as a source."""

import json
import pickle

import pytest

from tandemclip.core.data.account import Account, Named
from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.sources.coco_captions import CocoCaptions
from tandemclip.core.errors import UserError


def annotations(path, images, captions, **more):
    content = {
        "info": {}, "licenses": [], **more,
        "images": [{"id": number, "file_name": name, "height": 4, "width": 5} for number, name in images],
        "annotations": [{"id": i, "image_id": number, "caption": text} for i, (number, text) in enumerate(captions)],
    }  # fmt: skip
    path.write_text(json.dumps(content))
    return str(path)


def test_captions_come_to_their_images(tmp_path):
    (tmp_path / "b.jpg").write_bytes(b"B")
    images = [(30, "b.jpg"), (7, "without.jpg"), (4, "gone.jpg")]
    captions = [(4, "four"), (30, "one\ud83d"), (99, "of no image"), (30, "two")]
    source = CocoCaptions(annotations(tmp_path / "c.json", images, captions), str(tmp_path))
    assert len(source) == 2
    record = pickle.loads(pickle.dumps(source))[0]
    assert (record.image, record.captions, record.key) == (b"B", ("one?", "two"), str(tmp_path / "b.jpg"))
    with pytest.raises(BrokenRecord, match="gone.jpg: .*No such file"):
        source[1]
    assert list(source.texts(5)) == ["one?", "two", "four"]
    with pytest.raises(IndexError):
        source[2]


def test_real_captions_of_pictures_in_a_tar_file(shared):
    data = shared / "data" / "coco_sample"
    content = json.loads((data / "captions_val.json").read_text())
    source = CocoCaptions(str(data / "captions_val.json"), str(data / "val" / "000000.tar"))
    known = {note["image_id"] for note in content["annotations"]}
    assert len(source) == len(known) > 40
    for index in range(len(source)):
        record = source[index]
        (number,) = (image["id"] for image in content["images"] if record.key.endswith(image["file_name"]))
        assert list(record.captions) == [
            note["caption"] for note in content["annotations"] if note["image_id"] == number
        ]
        assert min(record.pixels.shape[:2]) > 100


@pytest.mark.parametrize(
    "content, words",
    [
        ("{", "not as expected"),
        ("[]", "not as expected"),
        (
            '{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"image_id": 1}]}',
            "caption.*not its instances",
        ),
        (
            '{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"image_id": 1, "caption": 5}]}',
            "not as expected",
        ),
        (
            '{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"image_id": 1, "caption": ["a"]}]}',
            "the caption of image_id 1 is a list, expected a text",
        ),
        (
            '{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": []}',
            "has 1 images and 0 captions, and no image has a caption that is read; correct the ids",
        ),
        (
            '{"images": [{"id": "007", "file_name": "a.jpg"}], "annotations": [{"image_id": 7, "caption": "a"}]}',
            "a caption that is read: its image_id is of no image in the file .1: image_id 7.; correct the ids",
        ),
        ('{"images": [{"id": true, "file_name": "a.jpg"}], "annotations": []}', "neither a number nor a text"),
        ('{"images": [{"id": [1], "file_name": "a.jpg"}], "annotations": []}', "neither a number nor a text"),
        ('{"images": [{"id": NaN, "file_name": "a.jpg"}], "annotations": []}', "neither a number nor a text"),
        (
            '{"images": [{"id": 1, "file_name": "a.jpg"}, {"id": "2", "file_name": "b.jpg"}], "annotations": []}',
            "some are numbers and some texts, such as 1 and '2'",
        ),
        ('{"images": [], "images": [], "annotations": []}', "the key 'images' stands twice"),
    ],
)
def test_a_file_that_is_something_else_is_named(tmp_path, content, words):
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(UserError, match=words):
        len(CocoCaptions(str(tmp_path / "c.json"), str(tmp_path)))


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="gone.json cannot be read"):
        len(CocoCaptions(str(tmp_path / "gone.json"), str(tmp_path)))
    with pytest.raises(UserError, match="gone is no folder"):
        len(CocoCaptions(annotations(tmp_path / "c.json", [(1, "a.jpg")], [(1, "x")]), str(tmp_path / "gone")))


def test_all_images_and_captions_are_accounted_for(tmp_path):
    images = [(0, "0.png"), (1, "1.png"), (2, "2.png"), (3, "3.png")]
    captions = [("0", "red"), (1, "green"), (1, " "), (2, "\n"), (7, "x"), (8, "y"), (9, "z"), (1, "grass")]
    path = annotations(tmp_path / "c.json", images, captions)
    content = json.loads((tmp_path / "c.json").read_text())
    content["annotations"][7]["id"] = 1
    (tmp_path / "c.json").write_text(json.dumps(content))
    source = CocoCaptions(path, str(tmp_path))
    of_images, of_captions = source.account()
    assert of_images == Account(
        path, "images", 4, 1,
        {"it has no caption": Named(3, ("id 0 (0.png)", "id 2 (2.png)", "id 3 (3.png)"))},
    )  # fmt: skip
    assert (of_captions.all, of_captions.read, of_captions.missing) == (8, 2, 6) and list(source.texts(9)) == [
        "green",
        "grass",
    ]
    assert of_captions.passed_over == {
        "its image_id is of no image in the file": Named(4, ("image_id '0'", "image_id 7", "image_id 8")),
        "the caption is blank": Named(2, ("id 2", "id 3")),
    }
    assert of_captions.remarks == {"its id stands there before": Named(1, ("id 1",))}


def test_an_id_that_stands_twice_is_an_error_that_names_both(tmp_path):
    path = annotations(tmp_path / "c.json", [(0, "0.png"), (0, "1.png")], [(0, "red")])
    with pytest.raises(UserError, match="the id 0 stands twice among its images: 0.png and 1.png"):
        len(CocoCaptions(path, str(tmp_path)))


@pytest.mark.parametrize("encoding, fits", [("utf-8", 1), ("utf-8-sig", 1), ("utf-16", 0), ("latin-1", 0)])
def test_the_file_is_utf8(tmp_path, encoding, fits):
    text = json.dumps({"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"image_id": 1, "caption": "é"}]},
                      ensure_ascii=False)  # fmt: skip
    (tmp_path / "c.json").write_bytes(text.encode(encoding))
    source = CocoCaptions(str(tmp_path / "c.json"), str(tmp_path))
    if fits:
        assert list(source.texts(1)) == ["é"]
    else:
        with pytest.raises(UserError, match="c.json is not as expected .line 1 is not UTF-8: byte 0x.. at place"):
            len(source)


def test_one_file_of_two_ids_is_one_record_and_remarked(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(name.encode())
    images = [{"id": i, "file_name": name} for i, name in enumerate(("a.png", "b.png", "./a.png"))]
    said = [{"image_id": i, "caption": text} for i, text in enumerate(("one", "['two']", "nan"))]
    (tmp_path / "c.json").write_text(json.dumps({"images": images, "annotations": said}))
    source = CocoCaptions(str(tmp_path / "c.json"), str(tmp_path))
    assert [source[i].captions for i in range(len(source))] == [("one", "nan"), ("['two']",)]
    of_images, of_captions = source.account()
    assert of_images.remarks == {"another id has the same file": Named(2, ("id 0 (a.png)", "id 2 (./a.png)"))}
    assert {reason[:28]: named.first for reason, named in of_captions.remarks.items()} == {
        "a caption that looks like a ": ("annotation 1",), "a caption that is the word f": ("annotation 2",),
    }  # fmt: skip


@pytest.mark.parametrize("content, words", [
    ([], "it holds a list, expected a mapping"), ({"images": {}, "annotations": []}, "its images are a mapping"),
    ({"images": [], "annotations": [5]}, "its annotations hold a number"),
    ({"images": [{"id": 0, "file_name": ["a"]}], "annotations": []}, "the file_name of the image of id 0 is a list"),
    ({"images": [{"id": True, "file_name": "a"}], "annotations": []}, "the id True of images is neither"),
])  # fmt: skip
def test_other_kinds_of_content_are_refused_in_words(tmp_path, content, words):
    (tmp_path / "c.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=words):
        len(CocoCaptions(str(tmp_path / "c.json"), str(tmp_path)))
