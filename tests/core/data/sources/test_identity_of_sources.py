"""Each source knows its data again: moved they are the same, changed they are others, and it says in what."""

import io
import json
import os
import shutil
import tarfile
from dataclasses import replace

import pytest

from tandemclip.core import identity
from tandemclip.core.config.registry import known
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources import shard_index
from tandemclip.core.data.sources.balanced import Balanced
from tandemclip.core.data.sources.captions_table import CaptionsTable
from tandemclip.core.data.sources.class_folder import ClassFolder
from tandemclip.core.data.sources.coco_captions import CocoCaptions
from tandemclip.core.data.sources.coco_objects import CocoObjects
from tandemclip.core.data.sources.first import First
from tandemclip.core.data.sources.part import Share, WithoutClasses
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.sources.together import Together
from tandemclip.core.data.sources.voc_objects import VocObjects

XML = "<annotation><size><width>9</width><height>9</height></size><object><name>{}</name></object></annotation>"


def write(folder, name, content):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def picture(number):
    return b"\x89PNG" + bytes(10 + number)


def packed(path, members):
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def members(*numbers, caption=b"seven"):
    return {f"{n:03d}.{kind}": content for n in numbers for kind, content in (("png", picture(n)), ("txt", caption))}


def fill(folder):
    """One data set of each kind; no picture need be one, as none is read."""
    coco = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    for number in range(4):
        write(folder, f"pictures/{number}.png", picture(number))
        write(folder, f"classes/{'dog' if number else 'cat'}/{number}.png", picture(number))
        write(folder, f"voc/JPEGImages/{number}.png", picture(number))
        write(folder, f"voc/Annotations/{number}.xml", XML.format("cat"))
        coco["images"].append({"id": number, "file_name": f"{number}.png", "width": 9, "height": 9})
        annotation = {"id": number, "image_id": number, "caption": "seven", "bbox": [0, 0, 1, 1], "category_id": 1}
        coco["annotations"].append(annotation)
    write(folder, "pictures/t.csv", "path,caption\n" + "".join(f"{n}.png,number {n}\n" for n in range(4)))
    write(folder, "coco.json", json.dumps(coco))
    write(folder, "names.json", json.dumps(["cat", "dog"]))
    write(folder, "folders.json", json.dumps({"cat": "tabby", "dog": "corgi"}))
    (folder / "tars").mkdir()
    packed(folder / "tars" / "a.tar", members(1, 2))
    packed(folder / "tars" / "b.tar", members(3))
    packed(folder / "pictures.tar", {f"{number}.png": picture(number) for number in range(4)})
    return folder


SOURCES = {
    "table": lambda at: CaptionsTable(f"{at}/pictures/t.csv"),
    "classes": lambda at: ClassFolder(f"{at}/classes"),
    "called": lambda at: ClassFolder(f"{at}/classes", classes=f"{at}/folders.json"),
    "coco": lambda at: CocoCaptions(f"{at}/coco.json", f"{at}/pictures"),
    "objects": lambda at: CocoObjects(f"{at}/coco.json", f"{at}/pictures", f"{at}/coco.json"),
    "objects_in_tar": lambda at: CocoObjects(f"{at}/coco.json", f"{at}/pictures.tar"),
    "voc": lambda at: VocObjects(f"{at}/voc"),
    "shards": lambda at: Shards(f"{at}/tars/*.tar", classes=f"{at}/names.json"),
    "one_shard": lambda at: Shards(f"{at}/tars/a.tar"),
    "together": lambda at: Together((Scenes(count=5), ClassFolder(f"{at}/classes"))),
    "balanced": lambda at: Balanced((ClassFolder(f"{at}/classes"), CaptionsTable(f"{at}/pictures/t.csv"))),
    "share": lambda at: Share(CaptionsTable(f"{at}/pictures/t.csv")),
    "without": lambda at: WithoutClasses(ClassFolder(f"{at}/classes"), f"{at}/cats.json"),
}


@pytest.fixture
def here(tmp_path):
    write(tmp_path / "here", "cats.json", json.dumps(["cat"]))
    return fill(tmp_path / "here")


def differing(one, other):
    assert one.keys() == other.keys()
    return sorted(name for name in one if one[name].sha256 != other[name].sha256)


@pytest.mark.parametrize("kind", SOURCES)
def test_a_moved_folder_is_the_same_data(here, kind):
    before = SOURCES[kind](here).identity()
    moved = shutil.move(here, here.parent / "elsewhere" / "deeper")
    for path in moved.rglob("*"):
        os.utime(path, (1, 1))  # a copy may have other times
    after = SOURCES[kind](moved).identity()
    assert before and differing(before, after) == []
    assert any(before[name].place != after[name].place for name in before)


def other_table(at):
    """The case of the public report: three rows fewer, in reverse order."""
    head, *rows = (at / "pictures" / "t.csv").read_text().splitlines()
    write(at, "pictures/t.csv", "\n".join([head, *rows[:0:-1]]) + "\n")


def another_caption(at):
    write(at, "pictures/t.csv", (at / "pictures" / "t.csv").read_text().replace("number 3", "number 7"))


def longer_picture(at):
    for name in ("pictures/2.png", "classes/dog/2.png", "voc/JPEGImages/2.png"):
        write(at, name, picture(9))


def renamed_picture(at):
    (at / "classes" / "dog" / "1.png").rename(at / "classes" / "dog" / "1b.png")
    (at / "tars" / "a.tar").rename(at / "tars" / "0.tar")


def renamed_class(at):
    (at / "classes" / "cat").rename(at / "classes" / "bat")


def empty_class(at):
    (at / "classes" / "ant").mkdir()


def other_names(at):
    write(at, "names.json", json.dumps(["dog", "cat"]))
    write(at, "folders.json", json.dumps({"cat": "corgi", "dog": "tabby"}))
    write(at, "cats.json", json.dumps(["dog"]))


def other_members(at):
    packed(at / "tars" / "a.tar", {**members(1), **members(2, caption=b"eight")})  # equally many and equally long
    packed(at / "tars" / "b.tar", {**members(3, caption=b"three and more")})


def swapped_shards(at):
    (at / "tars" / "a.tar").rename(at / "tars" / "c.tar")


def other_label(at):
    write(at, "voc/Annotations/2.xml", XML.format("dog"))
    write(at, "coco.json", (at / "coco.json").read_text().replace('"cat"', '"dog"'))


@pytest.mark.parametrize("kind, change, parts", [
    ("table", other_table, ["names", "sizes", "table"]), ("table", another_caption, ["table"]),
    ("table", longer_picture, ["sizes"]), ("classes", longer_picture, ["sizes"]),
    ("classes", renamed_picture, ["names"]), ("classes", renamed_class, ["classes"]),
    ("classes", empty_class, ["classes", "names"]), ("called", other_names, ["class_names"]),
    ("coco", other_label, ["annotations"]), ("coco", longer_picture, ["sizes"]),
    ("objects", other_label, ["annotations", "captions"]), ("objects", longer_picture, ["sizes"]),
    ("voc", other_label, ["annotations"]), ("voc", longer_picture, ["sizes"]),
    ("shards", other_names, ["classes"]), ("shards", other_members, ["sizes"]), ("shards", swapped_shards,
    ["names", "sizes"]), ("one_shard", lambda at: packed(at / "tars" / "a.tar", members(1, 4)), ["names", "sizes"]),
    ("together", renamed_class, ["sources.1.classes"]),
    ("balanced", other_table, [f"sources.1.{part}" for part in ("names", "sizes", "table")]),
    ("share", another_caption, ["source.table"]), ("without", other_names, ["names"]),
    ("without", renamed_picture, ["source.names"]),
])  # fmt: skip
def test_what_has_changed_is_named(here, kind, change, parts):
    before = SOURCES[kind](here).identity()
    change(here)
    assert differing(before, SOURCES[kind](here).identity()) == parts


def test_counts_are_those_of_records(here):
    found = {kind: make(here).identity() for kind, make in SOURCES.items()}
    assert found["table"]["names"].count == found["voc"]["annotations"].count == 4
    assert found["shards"]["names"].count == 3 and found["shards"]["sizes"].unit == "tar files"
    assert found["table"]["table"].count == (here / "pictures" / "t.csv").stat().st_size


def test_a_missing_picture_is_another_size_and_no_error(here):
    before = SOURCES["table"](here).identity()
    (here / "pictures" / "2.png").unlink()
    assert differing(before, SOURCES["table"](here).identity()) == ["sizes"]


def test_scenes_are_their_parameters():
    one = Scenes(count=5)
    assert one.identity() == Scenes(count=5).identity()
    for changed in ({"noise": 0.1}, {"seed": 1}, {"split": "held_out"}, {"label": "color"}, {"count": 6}):
        assert differing(one.identity(), replace(one, **changed).identity()) == ["scenes"]
    assert First(one, 2).identity() == {"source.scenes": one.identity()["scenes"]}


def test_a_source_of_ones_own_is_known_by_its_length():
    class Own(Source):
        length = 3

        def __len__(self):
            return self.length

        def __getitem__(self, index):
            raise IndexError(index)

        def texts(self, limit):
            return iter(())

    one, other = Own(), Own()
    assert one.identity() == other.identity()
    other.length = 4
    assert one.identity()["records"].against(other.identity()["records"]) == "3 records then and 4 now"


def test_few_sizes_are_asked_for(here, monkeypatch):
    """10^7 files on a network drive would take hours; so every k-th of them is asked for, the first among them."""
    monkeypatch.setattr(identity, "SIZED", 2)
    before = SOURCES["table"](here).identity()
    assert before["sizes"].count == 2
    write(here, "pictures/1.png", picture(50))
    assert differing(before, SOURCES["table"](here).identity()) == []
    write(here, "pictures/2.png", picture(50))
    assert differing(before, SOURCES["table"](here).identity()) == ["sizes"]


def test_an_index_is_hashed_in_blocks(here, monkeypatch, tmp_path):
    packed(tmp_path / "x.tar", members(*range(11)))
    index = Shards(str(tmp_path / "x.tar"))
    whole = shard_index._identity(shard_index.read_index(index._shards[0]))
    monkeypatch.setattr(shard_index, "BLOCK", 3)
    assert (shard_index._identity(shard_index.read_index(index._shards[0]))[0] == whole[0]).all()


def test_nothing_is_indexed_twice(here, monkeypatch):
    """The tar files' headers are read once, whoever asks first."""
    read = []
    monkeypatch.setattr(
        shard_index, "read_members", lambda path, found=shard_index.read_members: read.append(path) or found(path)
    )
    source = Shards(f"{here}/tars/*.tar")
    source.identity(), len(source), source.account(), Shards(f"{here}/tars/*.tar").identity()
    assert sorted(read) == [f"{here}/tars/a.tar", f"{here}/tars/b.tar"]


def test_places_are_fields_whose_content_is_in_the_identity(here):
    """A place may change on --resume only where what lies there is compared."""
    from tandemclip.core.config.import_path import import_class

    for name, (place, _) in known(Source).items():
        source = import_class(place, name)
        assert set(source.places) <= set(source.__dataclass_fields__), name
        assert not source.places or source.identity is not Source.identity, name
