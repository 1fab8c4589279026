"""A folder of classes as a source."""

import json
import os
import pickle

import pytest

from tandemclip.core.config.build import build
from tandemclip.core.data.account import Account, Named
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
    with pytest.raises(UserError, match="no images in its 0 sub-folders; .*photos/cat/1.jpg$"):
        len(ClassFolder(str(folder / "cat")))
    (folder / "z.jpg").unlink()
    with pytest.raises(UserError, match=rf"no images in its . sub-folders.*; {folder} is such a folder: give that"):
        len(ClassFolder(str(tmp_path)))


def test_every_file_and_folder_is_accounted_for(folder):
    (folder / "dog" / "more" / "deep").mkdir(parents=True)
    (folder / "@eaDir" / "cat").mkdir(parents=True)
    (folder / "Cat").mkdir()
    (folder / "n02123045").mkdir()
    for name in ("dog/4", "dog/5.JFIF", "dog/more/6.jpg", "dog/more/deep/7.jpg", "@eaDir/1.jpg", "@eaDir/cat/1.jpg"):
        (folder / name).write_bytes(b"x")
    (folder / "cat" / "link.jpg").symlink_to(folder / "dog" / "2.jpg")
    (folder / "cat" / "broken.jpg").symlink_to(folder / "nowhere")
    (folder / "cat" / "round").symlink_to(folder)
    os.mkfifo(folder / "cat" / "pipe.jpg")
    source = ClassFolder(str(folder))
    folders, files = pickle.loads(pickle.dumps(source)).account()
    assert source.class_names == ("Cat", "cat", "dog", "empty", "great ape", "n02123045")
    assert (folders.all, folders.read) == (8, 6)
    assert folders.passed_over == {"no class by its name": Named(2, (".git", "@eaDir"))}
    assert folders.remarks == {
        "it has no picture that is read": Named(3, ("Cat", "empty", "n02123045")),
        "its name is an id or begins with a number: say what it is called with classes=": Named(1, ("n02123045",)),
        "it shares its name, up to case, with another class": Named(2, ("Cat", "cat")),
    }
    assert sum(len(names) for _, _, names in os.walk(folder)) + 1 == files.all == 18  # 1: the link to a folder
    assert files == Account(str(folder), "files", 18, 6, {
        "it lies in a folder that is no class": Named(3, (".git/b.jpg", "@eaDir/1.jpg", "@eaDir/cat/1.jpg")),
        "its name begins with a dot": Named(1, ("cat/.hidden.jpg",)),
        "it is no file that can be read (a broken link, a pipe)": Named(
            3, ("cat/broken.jpg", "cat/pipe.jpg", "cat/round")
        ),
        "it is no picture by its name": Named(2, ("cat/notes.txt", "dog/4")),
        "it lies deeper than in a class folder": Named(2, ("dog/more/6.jpg", "dog/more/deep/7.jpg")),
        "it lies beside the class folders": Named(1, ("z.jpg",)),
    })  # fmt: skip
    assert len(source) == len(source.labels()) == 6


def test_texts_of_a_class_are_words(folder, tmp_path):
    (folder / "golden_retriever").mkdir()
    (folder / os.fsdecode(b"caf\xe9")).mkdir()
    (folder / os.fsdecode(b"caf\xe9") / "1.jpg").write_bytes(b"x")
    source = ClassFolder(str(folder), ("a {}",))
    assert source.class_names == ("caf?", "cat", "dog", "empty", "golden_retriever", "great ape")
    assert source.prompts["class"][4] == ["a golden retriever"] and source[0].captions == ("a caf?",)
    assert list(source.texts(9))[4] == "a golden retriever"


def test_folders_called_by_numbers_have_these_labels(tmp_path):
    for number in range(11):
        (tmp_path / "v2" / str(number)).mkdir(parents=True)
        (tmp_path / "v2" / str(number) / f"{number}.jpg").write_bytes(b"x")
    names = {str(number): [f"n{number:08}", f"class {number}"] for number in range(11)}
    (tmp_path / "names.json").write_text(json.dumps(names))
    source = ClassFolder(str(tmp_path / "v2"), classes=str(tmp_path / "names.json"))
    assert source.class_names == tuple(f"class {number}" for number in range(11))
    assert [source[n].key.rpartition("/")[2][:-4] for n in range(11)] == [str(source[n].label) for n in range(11)]


@pytest.mark.parametrize("form", ["names", "imagenet"])
def test_names_of_folders_come_from_a_file(folder, tmp_path, form):
    names = {"cat": "tabby_cat", "dog": "dog", "great ape": "ape", "empty": "none"}
    if form == "imagenet":
        names = {str(place): pair for place, pair in enumerate(names.items())}
    (tmp_path / "names.json").write_text(json.dumps(names))
    source = ClassFolder(str(folder), ("a {}",), str(tmp_path / "names.json"))
    assert source.class_names == ("tabby_cat", "dog", "none", "ape")
    assert source.prompts["class"][0] == ["a tabby_cat"] and source[3].captions == ("a ape",)
    (folder / "fox").mkdir()
    with pytest.raises(UserError, match="no name for 1 of 5 folders, the first is 'fox'"):
        _ = ClassFolder(str(folder), ("a {}",), str(tmp_path / "names.json")).class_names
