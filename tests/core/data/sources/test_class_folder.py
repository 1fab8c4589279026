"""A folder of classes as a source."""

import os
import pickle

import pytest

from tandemclip.core.config.build import build
from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.sources.class_folder import ClassFolder
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError


@pytest.fixture
def folder(tmp_path):
    names = (
        "dog/2.jpg",
        "dog/10.PNG",
        "cat/x.webp",
        "cat/notes.txt",
        "cat/.hidden.jpg",
        "great ape/a.gif",
        ".git/b.jpg",
        "z.jpg",
    )
    for name in names:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    (tmp_path / "photos" / "empty").mkdir()
    return tmp_path / "photos"


def test_labels_are_the_places_of_sorted_names(folder):
    source = pickle.loads(pickle.dumps(ClassFolder(str(folder))))
    assert source.class_names == ("cat", "dog", "empty", "great ape")
    found = [(record.image.decode(), record.label) for record in map(source.__getitem__, range(len(source)))]
    assert found == [("cat/x.webp", 0), ("dog/10.PNG", 1), ("dog/2.jpg", 1), ("great ape/a.gif", 3)]
    assert source[3].key == str(folder / "great ape" / "a.gif") and source[3].captions == ("a photo of a great ape.",)
    assert list(source.texts(2)) == ["a photo of a cat.", "a photo of a dog."]
    with pytest.raises(IndexError):
        source[4]


def test_prompts_of_several_templates(folder):
    source = build(Source, {"type": "class_folder", "path": str(folder), "templates": ["{}", "one {}"]}, "x")
    assert source.prompts == {"class": [[name, f"one {name}"] for name in ("cat", "dog", "empty", "great ape")]}
    assert source[0].captions == ("cat", "one cat")
    many = build(Source, {"type": "class_folder", "path": str(folder), "templates": "imagenet"}, "x")
    assert [len(prompts) for prompts in many.prompts["class"]] == [80] * 4 and "a bad photo of a cat." in many.prompts[
        "class"
    ][0]
    with pytest.raises(UserError, match="'a photo' has no place for a class name"):
        _ = ClassFolder(str(folder), ("a photo",)).prompts


def test_an_image_that_is_gone_is_named(folder):
    source = ClassFolder(str(folder))
    assert len(source) == 4
    (folder / "cat" / "x.webp").unlink()
    with pytest.raises(BrokenRecord, match="cat/x.webp: .*No such file"):
        source[0]


def test_names_that_are_no_unicode(folder):
    (folder / "dog" / os.fsdecode(b"\xff\xfe.jpg")).write_bytes(b"odd")
    source = pickle.loads(pickle.dumps(ClassFolder(str(folder))))
    assert [source[i].image for i in range(5)].count(b"odd") == 1


def test_what_is_not_there_is_named(folder, tmp_path):
    with pytest.raises(UserError, match="gone is no folder"):
        len(ClassFolder(str(tmp_path / "gone")))
    with pytest.raises(UserError, match="no images in sub-folders .0 of them.*photos/cat/1.jpg"):
        len(ClassFolder(str(folder / "cat")))
