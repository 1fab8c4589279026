"""PASCAL VOC's annotations as a source."""

import json
import pickle
import tarfile

import cv2
import numpy as np
import pytest

from tandemclip.core.data.account import Account, Named
from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.sources.voc_objects import VocObjects
from tandemclip.core.errors import UserError

PICTURE = cv2.imencode(".jpg", np.zeros((10, 20, 3), np.uint8))[1].tobytes()


def thing(name, edges, more=""):
    names = ("ymax", "xmin", "xmax", "ymin")  # in any order
    order = dict(zip(("xmin", "ymin", "xmax", "ymax"), edges))
    box = "".join(f"<{edge}>{order[edge]}</{edge}>" for edge in names)
    return f"<object><name>{name}</name>{more}<bndbox>{box}</bndbox></object>"


def write(folder, name, things, size="<size><width>20</width><height>10</height></size>", filename="old.jpg"):
    for place in ("Annotations", "JPEGImages"):
        (folder / place).mkdir(parents=True, exist_ok=True)
    text = f"<annotation><filename>{filename}</filename>{size}{''.join(things)}</annotation>"
    (folder / "Annotations" / f"{name}.xml").write_text(text)
    (folder / "JPEGImages" / f"{name}.jpg").write_bytes(PICTURE)


def test_pixels_count_from_1_and_the_last_is_inside(tmp_path):
    marks = "<truncated>1</truncated><difficult>1</difficult>"
    parts = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>"  # VOC's person layout: no objects
    whole, half = thing("dog", (1, 1, 20, 10), parts), thing("cat &amp; mouse", (11, 6, 20, 10), marks)
    write(tmp_path, "000005", [whole, half, thing("dog", (3, 4, "3.0", 4), "<difficult>0</difficult><truncated/>")])
    source = pickle.loads(pickle.dumps(VocObjects(str(tmp_path))))
    first, second, third = source[0].objects
    assert source[0].key == f"{tmp_path}/JPEGImages/000005.jpg" and source[0].image == PICTURE
    assert (first.box, first.category, first.phrase, first.marks) == ((0, 0, 1, 1), "dog", "dog", frozenset())
    assert (second.box, second.category) == ((0.5, 0.5, 1, 1), "cat & mouse")
    assert second.marks == {"difficult", "truncated"}
    assert third.box == pytest.approx((0.1, 0.3, 0.15, 0.4)) and third.marks == frozenset()  # one pixel
    assert source.categories == ("cat & mouse", "dog")
    assert list(source.texts(5)) == ["dog", "cat & mouse", "dog"]
    for number in (-1, 1):
        with pytest.raises(IndexError):
            source[number]


def test_a_list_chooses_pictures_and_categories_are_those_of_all(tmp_path):
    for number, name in enumerate(("dog", "cat", "bird")):
        write(tmp_path, f"{number}", [thing(name, (1, 1, 2, 2))])
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("2\n0\n\n7\n")
    (lists / "dog_train.txt").write_text("2 -1\n0  1\n")
    (lists / "none.txt").write_text(" \n\n")
    source = VocObjects(str(tmp_path), split="train")
    assert [source[i].objects[0].category for i in (0, 1)] == ["bird", "dog"] and len(source) == 3
    assert source.categories == ("bird", "cat", "dog") and len(VocObjects(str(tmp_path))) == 3
    with pytest.raises(BrokenRecord, match="Annotations/7.xml: the file cannot be read"):
        source[2]
    with pytest.raises(
        UserError,
        match="ImageSets/Main/test.txt cannot be read .*No such file.*; split is one of dog_train, none, train",
    ):
        len(VocObjects(str(tmp_path), split="test"))
    with pytest.raises(UserError, match="the list ImageSets/Main/none.txt is empty"):
        len(VocObjects(str(tmp_path), split="none"))
    with pytest.raises(UserError, match="dog_train.txt says of one category.*trainval"):
        len(VocObjects(str(tmp_path), split="dog_train"))


def test_the_picture_is_the_one_of_the_annotations_name_and_of_the_files_kind(tmp_path):
    write(tmp_path, "x", [], filename="other.PNG")
    (tmp_path / "JPEGImages" / "x.PNG").write_bytes(b"png")
    assert VocObjects(str(tmp_path))[0].image == b"png" and VocObjects(str(tmp_path))[0].objects == ()
    (tmp_path / "JPEGImages" / "x.PNG").unlink()
    assert VocObjects(str(tmp_path))[0].image == PICTURE  # the file as it was converted
    (tmp_path / "JPEGImages" / "x.jpg").unlink()
    with pytest.raises(BrokenRecord, match="JPEGImages/x.PNG: the file cannot be read"):
        VocObjects(str(tmp_path))[0]


@pytest.mark.parametrize(
    "things, size, why",
    [
        (["<object>"], None, "mismatched tag"),
        (["<object><name>dog</name></object>"], None, "there is no bndbox/xmin"),
        ([thing("", (1, 1, 2, 2))], None, "there is no name"),
        ([thing("dog", (1, 1, "x", 2))], None, "could not convert"),
        ([thing("dog", ("nan", 1, 5, 2))], None, "expected numbers that are finite"),
        ([thing("dog", (1, 1, 5, "inf"))], None, "expected numbers that are finite"),
        ([thing("dog", (10, 1, 5, 2))], None, "upside down: from 0.45, 0 to 0.25, 0.2"),
        ([thing("dog", (1, 1, "1_0", 2))], None, "bndbox/xmax is '1_0', expected a number"),
        ([thing("dog", (1, 1, 2, 2), "<difficult>true</difficult>")], None, "difficult is 'true', expected 0 or 1"),
        ([], "", "there is no size/width"),
        ([], "<size><width>0</width><height>10</height></size>", "size is 0 x 10"),
    ],
)
def test_an_annotation_that_is_odd_is_named(tmp_path, things, size, why):
    write(tmp_path, "1", things, **({} if size is None else {"size": size}))
    write(tmp_path, "2", [thing("dog", (1, 1, 2, 2))])
    source = VocObjects(str(tmp_path))
    with pytest.raises(BrokenRecord, match=f"Annotations/1.xml: it is no annotation as PASCAL VOC has it: .*{why}"):
        source[0]
    assert source.categories == ("dog",) and list(source.texts(5)) == ["dog"]


def test_a_folder_without_annotations_is_refused(tmp_path):
    with pytest.raises(UserError, match="has no annotations; expected Annotations/NNN.xml"):
        len(VocObjects(str(tmp_path)))
    with pytest.raises(UserError, match="gone is no folder"):
        len(VocObjects(str(tmp_path / "gone")))


def test_real_annotations_beside_their_pictures(shared, tmp_path):
    data = shared / "data" / "voc_sample"
    source = VocObjects(str(data / "000000.tar"))
    assert source.categories == tuple(json.loads((data / "classes.json").read_text())) and len(source) == 48
    with tarfile.open(data / "000000.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    unpacked = VocObjects(str(tmp_path))
    boxes = 0
    for index in range(48):
        record, same = source[index], unpacked[index]
        assert record.image == same.image and [a.box for a in record.objects] == [b.box for b in same.objects]
        width, height = record.pixels.shape[1], record.pixels.shape[0]
        for found in record.objects:
            edges = np.array(found.box) * [width, height, width, height]
            np.testing.assert_allclose(edges, edges.round(), atol=1e-9)
            assert 0 <= edges[0] < edges[2] <= width and 0 <= edges[1] < edges[3] <= height
        boxes += len(record.objects)
    assert boxes == 159


@pytest.mark.parametrize("packed", [False, True])
def test_every_name_is_accounted_for(tmp_path, packed):
    folder = tmp_path / "voc"
    for name in "01234":
        write(folder, name, [thing("dog", (1, 1, 2, 2))])
    (folder / "JPEGImages" / "1.jpg").rename(folder / "JPEGImages" / "9.PNG")
    (folder / "JPEGImages" / "8.txt").write_bytes(b"no picture")
    (folder / "ImageSets" / "Main").mkdir(parents=True)
    (folder / "ImageSets" / "Main" / "train.txt").write_bytes(b"\xef\xbb\xbf0\n1\n7\n4\n4\n")
    place = folder
    if packed:
        place = tmp_path / "voc.tar"
        with tarfile.open(place, "w") as archive:
            archive.add(folder, ".")
    (account,) = VocObjects(str(place)).account()
    assert account == Account(str(place), "names", 6, 4, {
        "there is no picture of its name": Named(1, ("1",)), "there is no NNN.xml": Named(1, ("9",)),
    })  # fmt: skip
    source = VocObjects(str(place), split="train")
    (account,) = source.account()
    assert (account.all, account.read) == (7, 2)
    assert account.passed_over == {
        "there is no picture of its name": Named(1, ("1",)), "there is no NNN.xml": Named(2, ("7", "9")),
        "train.txt does not have it": Named(2, ("2", "3")),
    }  # fmt: skip
    assert account.remarks == {"train.txt has it several times": Named(1, ("4",))}
    assert source[0].key.endswith("0.jpg")


@pytest.mark.parametrize("form, declared", [
    ("utf-8", ""), ("utf-8-sig", ""), ("iso-8859-1", "ISO-8859-1"), ("cp1252", "windows-1252"), ("utf-16", "UTF-16"),
])  # fmt: skip
def test_annotations_in_the_encoding_that_they_declare(tmp_path, form, declared):
    write(tmp_path, "1", [thing("café", (1, 1, 2, 2))])
    file = tmp_path / "Annotations" / "1.xml"
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    file.write_bytes((head + file.read_text()).encode(form))
    assert VocObjects(str(tmp_path)).categories == ("café",)


@pytest.mark.parametrize("form, declared, why", [
    ("gbk", "GBK", "multi-byte encodings are not supported; save it as UTF-8"),
    ("utf-8", "nonsense", "unknown encoding: nonsense; save it as UTF-8"), ("iso-8859-1", "", "not well-formed"),
])  # fmt: skip
def test_an_encoding_that_is_not_known_or_not_declared_is_named(tmp_path, form, declared, why):
    write(tmp_path, "1", [thing("é", (1, 1, 2, 2))])
    file = tmp_path / "Annotations" / "1.xml"
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    file.write_bytes((head + file.read_text()).encode(form))
    with pytest.raises(BrokenRecord, match=f"Annotations/1.xml: it is no annotation as PASCAL VOC has it: .*{why}"):
        VocObjects(str(tmp_path))[0]


def test_entities_that_grow_without_end_are_refused(tmp_path):
    write(tmp_path, "1", [])
    names = "abcdefghij"
    entities = "".join(f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip(names, names[1:]))
    text = f"<!DOCTYPE x [<!ENTITY a 'ten letter'>{entities}]><annotation>&j;</annotation>"
    (tmp_path / "Annotations" / "1.xml").write_text(text)
    with pytest.raises(BrokenRecord, match="amplification"):
        VocObjects(str(tmp_path))[0]


def test_a_box_outside_is_remarked_and_a_turned_picture_is_broken(tmp_path):
    write(tmp_path, "0", [thing("dog", (-3, 0, 50, 5))])
    write(tmp_path, "1", [thing("dog", (21, 1, 25, 5))])
    write(tmp_path, "2", [thing("dog", (1, 1, 5, 5))], "<size><width>10</width><height>20</height></size>")
    source = VocObjects(str(tmp_path))
    assert [source[i].remarks for i in range(3)] == [(), ("a box lies outside of its picture",), ()]
    assert source[0].pixels.shape == (10, 20, 3)
    with pytest.raises(BrokenRecord, match="2.jpg: .* of another shape: 20 x 10, and this one is 10 x 20"):
        _ = source[2].pixels


def test_several_pictures_of_one_name_are_remarked_and_a_list_in_another_encoding_is_named(tmp_path):
    write(tmp_path, "1", [])
    (tmp_path / "JPEGImages" / "1.webp").write_bytes(b"x")
    (account,) = VocObjects(str(tmp_path)).account()
    assert account.remarks == {"there are several pictures of its name": Named(1, ("1",))}
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Main" / "l.txt").write_bytes("1\n".encode("utf-16"))
    with pytest.raises(UserError, match="l.txt cannot be read .line 1 is not UTF-8"):
        len(VocObjects(str(tmp_path), split="l"))


@pytest.mark.parametrize("width, height", [(1, 10), (20, 1), (1, 1)])
def test_a_picture_may_be_one_pixel_wide_or_high(tmp_path, width, height):
    size = f"<size><width>{width}</width><height>{height}</height></size>"
    write(tmp_path, "a", [thing("dog", (1, 1, width, height))], size)
    assert VocObjects(str(tmp_path))[0].objects[0].box == (0, 0, 1, 1)


def test_of_several_pictures_of_one_name_the_annotation_says_which(tmp_path):
    for ending in ("jpg", "webp", "png"):
        write(tmp_path, "1", [], filename=f"old.{ending}")
        (tmp_path / "JPEGImages" / f"1.{ending}").write_bytes(ending.encode())
    for ending in ("jpg", "webp", "png"):
        write(tmp_path, "1", [], filename=f"old.{ending}")
        (tmp_path / "JPEGImages" / "1.jpg").write_bytes(b"jpg")
        assert VocObjects(str(tmp_path))[0].image == ending.encode()
