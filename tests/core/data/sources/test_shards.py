import gzip
import io
import json
import os
import pickle
import tarfile
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import cv2
import numpy as np
import pytest
from PIL import Image

from tandemclip.core.data.account import Named
from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.sources import shards
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.errors import UserError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def image():
    return cv2.imencode(".png", np.arange(60, dtype=np.uint8).reshape(4, 5, 3))[1].tobytes()


def test_every_field_of_a_record(tmp_path, write_tar, image):
    facts = {
        "captions": ["one", "two"], "summary": "short", "label": 4,
        "objects": [{"phrase": "a dog", "box": [0, 0.1, 0.5, 1], "confidence": 0.7, "feature": [1, 2.5]}],
        "phrases": [{"phrase": "grass", "box": [0, 0.5, 1, 1], "n": 2}],
    }  # fmt: skip
    members = {
        "README": b"no record", "sub/a.png": image, "sub/a.json": facts,
        "b.first.json": {"captions": ["not of a record"]}, "c.txt": b" a caption\r\n", "c.cls": b"12",
        "c.jpeg": image, "d.json": {"caption": "alone"}, "d.PNG": image, "e.webp": image,
    }  # fmt: skip
    source = Shards(write_tar(tmp_path / "x.tar", members))
    assert len(source) == 4
    a, c, d, e = (source[index] for index in range(4))
    assert a.key == f"{tmp_path}/x.tar:sub/a" and a.captions == ("one", "two") and a.summary == "short" and a.label == 4
    dog, grass = a.objects
    assert (dog.box, dog.phrase, dog.confidence, dog.feature.tolist()) == ((0, 0.1, 0.5, 1), "a dog", 0.7, [1, 2.5])
    assert (grass.box, grass.phrase, grass.confidence, grass.feature) == ((0, 0.5, 1, 1), "grass", 1.0, None)
    assert (c.captions, c.label, c.objects) == (("a caption",), 12, ())
    assert (d.captions, d.label, d.summary) == (("alone",), None, None)
    assert e.captions == () and e.pixels.shape == (4, 5, 3)
    assert list(source.texts(10)) == ["one", "two", "short", "a dog", "grass", "a caption", "alone"]


def test_classes_without_captions_get_prompts(tmp_path, write_tar, image):
    names = tmp_path / "classes.json"
    names.write_text('["cat", {"name": "great ape"}]')
    members = {
        "a.cls": b"1",
        "a.png": image,
        "b.json": {"label": 0, "caption": "my cat"},
        "b.png": image,
        "c.png": image,
    }
    source = Shards(write_tar(tmp_path / "x.tar", members), str(names), ("a {}.", "one {}"))
    assert [source[i].captions for i in range(3)] == [("a great ape.", "one great ape"), ("my cat",), ()]
    assert source.labels().tolist() == [1, 0, -1] and source.class_names == ("cat", "great ape")
    names.write_text('["cat"]')
    with pytest.raises(
        UserError, match="x.tar:a has class 1, and .*classes.json names 1; give the list of all classes"
    ):
        Shards(source.paths, str(names))[0]


def test_labels_are_read_once_for_each_state_of_a_shard(tmp_path, write_tar, image):
    members = {
        "a.cls": b"1",
        "a.png": image,
        "b.json": {"label": 0},
        "b.png": image,
        "c.png": image,
        "d.cls": b"-1",
        "d.png": image,
    }
    paths = write_tar(tmp_path / "x.tar", members)
    other = write_tar(tmp_path / "y.tar", {"a.cls": b"7", "a.png": image})
    source = Shards((paths, other))
    assert source.labels().tolist() == [1, 0, -1, -1, 7]
    (kept,) = tmp_path.glob("x.tar.*.labels.npy")
    array = np.load(kept)
    np.save(kept, array + 10)
    assert Shards((paths, other)).labels().tolist() == [11, 10, 9, 9, 7]  # from there
    write_tar(tmp_path / "x.tar", {"a.cls": b"12345", "a.png": image})
    assert Shards((paths, other)).labels().tolist() == [12345, 7]
    assert [*tmp_path.glob("x.tar.*.labels.npy")] != [kept] and len([*tmp_path.glob("x.tar.*.npy")]) == 3


def test_random_access_over_several_shards(tmp_path, write_shards):
    source = Shards(write_shards(tmp_path / "data", count=25, per_shard=10))
    assert len(source) == 25
    for index in (24, 0, 10, 9, 19, 20):
        assert source[index].captions == (f"number {index}",)
    with pytest.raises(IndexError):
        source[25]
    assert list(source.texts(5)) == [f"number {index}" for index in (0, 5, 10, 15, 20)]


def test_files_and_patterns_in_the_order_given(tmp_path, write_shards):
    write_shards(tmp_path, count=25, per_shard=10)
    source = Shards((str(tmp_path / "0002.tar"), str(tmp_path / "000[01].tar")))
    assert [source[index].label for index in (0, 5, 15)] == [20, 0, 10]


def test_a_shard_may_be_empty(tmp_path, write_tar, image):
    for name, members in (("0", {"a.png": image}), ("1", {"a.json": {}}), ("2", {"b.png": image})):
        write_tar(tmp_path / f"{name}.tar", members)
    for _ in range(2):  # the second time by the kept index
        source = Shards(str(tmp_path / "*.tar"))
        assert [source[index].key[-1] for index in range(len(source))] == ["a", "b"]


def test_real_photos_are_those_that_tarfile_reads(shared):
    pattern = shared / "data" / "flickr8k_entities" / "train"
    before = {path.name for path in pattern.iterdir()}
    source = Shards(str(pattern / "*.tar"))
    assert len(source) == 6000
    with tarfile.open(pattern / "000003.tar") as archive:
        members = archive.getmembers()
        photo, facts = (archive.extractfile(member).read() for member in members[20:22])
    first = sum(len(tarfile.open(pattern / f"{number:06d}.tar").getmembers()) // 2 for number in range(3))
    record = source[first + 10]
    assert record.key.endswith(f"000003.tar:{members[20].name.split('.')[0]}")
    assert record.image == photo and list(record.captions) == json.loads(facts)["captions"]
    assert [thing.phrase for thing in record.objects] == [entry["phrase"] for entry in json.loads(facts)["phrases"]]
    np.testing.assert_array_equal(record.pixels, np.asarray(Image.open(io.BytesIO(photo)).convert("RGB")))
    assert {path.name for path in pattern.iterdir()} == before  # marked read-only: not even root writes there


def test_the_index_is_built_once_beside_the_shard_and_again_when_the_file_changes(tmp_path, write_tar, image):
    path = write_tar(tmp_path / "x.tar", {"a.png": image})
    assert len(Shards(path)) == 1
    (kept,) = tmp_path.glob("x.tar.*.index.npy")
    before = kept.stat()
    assert len(Shards(path)) == 1 and kept.stat() == before
    write_tar(tmp_path / "x.tar", {"a.png": image, "b.png": image})
    assert len(Shards(path)) == 2 and Shards(path)[1].key.endswith(":b")
    assert len(list(tmp_path.glob("x.tar.*"))) == 2 and not kept.exists()  # the index and the account


def test_in_a_read_only_folder_the_index_goes_to_the_users_cache(tmp_path, write_tar, image):
    path = write_tar(tmp_path / "data" / "x.tar", {"a.png": image})
    os.chmod(tmp_path / "data", 0o555)
    assert Shards(path)[0].pixels.shape == (4, 5, 3)
    assert os.listdir(tmp_path / "data") == ["x.tar"]
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 2
    os.chmod(tmp_path / "data", 0o755)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 something else", None])
def test_a_damaged_index_is_built_again(tmp_path, write_tar, image, damage):
    path = write_tar(tmp_path / "x.tar", {"a.png": image})
    len(Shards(path))
    (kept,) = tmp_path.glob("x.tar.*.index.npy")
    kept.write_bytes(kept.read_bytes()[:-20] if damage is None else damage)
    assert len(Shards(path)) == 1


def test_a_missing_shard_is_named(tmp_path):
    with pytest.raises(UserError, match="nowhere.tar cannot be opened.*fetch"):
        len(Shards((str(tmp_path / "nowhere.tar"),)))
    with pytest.raises(UserError, match=r"no file matches .*\*.tar"):
        len(Shards(str(tmp_path / "*.tar")))


def test_a_tar_file_cut_short_anywhere_is_named(tmp_path, write_tar, image):
    whole = open(write_tar(tmp_path / "whole.tar", {"a.png": image, "b.png": image}), "rb").read()
    members = tarfile.open(tmp_path / "whole.tar").getmembers()
    ends = [member.offset_data + 512 for member in members]
    for length in (0, 100, 512, 600, ends[0], ends[0] + 100, ends[1] - 512, ends[1] - 100, ends[1]):
        path = tmp_path / f"cut_{length}.tar"
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match=f"cut_{length}.tar .*cut short.*again"):
            len(Shards(str(path)))


def test_a_compressed_tar_file_is_named(tmp_path, write_tar, image):
    whole = open(write_tar(tmp_path / "whole.tar", {"a.png": image}), "rb").read()
    (tmp_path / "packed.tar").write_bytes(gzip.compress(whole))
    with pytest.raises(UserError, match="packed.tar is no plain tar file.*without compression"):
        len(Shards(str(tmp_path / "packed.tar")))


def test_shards_without_images_are_named(tmp_path, write_tar):
    with pytest.raises(UserError, match="paths is an empty list; give the tar files"):
        len(Shards(()))
    with pytest.raises(UserError, match="no record with an image"):
        len(Shards(write_tar(tmp_path / "x.tar", {"a.json": {}})))


def test_a_shard_that_shrinks_while_it_is_read_is_named(tmp_path, write_tar, image):
    source = Shards(write_tar(tmp_path / "x.tar", {"a.png": image}))
    len(source)
    os.truncate(tmp_path / "x.tar", 520)
    with pytest.raises(UserError, match="x.tar ends at a record that it had before"):
        source[0]


@pytest.mark.parametrize(
    "facts",
    [b"{", b"[1]", {"captions": 5}, {"objects": [{"phrase": "no box"}]}, {"objects": [{"phrase": "x", "box": [1, 2]}]},
     {"label": "cat"}, {"phrases": [{"phrase": "x", "box": "abcd"}]}, {"caption": {"en": "a"}}, {"captions": [["a"]]},
     {"captions": ["a", None]}, {"summary": 5}, {"label": 1.5}, {"attributes": ["color"]}],
)  # fmt: skip
def test_unusable_facts_break_their_record_only(tmp_path, write_tar, image, facts):
    source = Shards(write_tar(tmp_path / "x.tar", {"a.png": image, "a.json": facts, "b.png": image, "b.txt": b"fine"}))
    with pytest.raises(BrokenRecord, match="x.tar:a: its json"):
        source[0]
    assert source[1].captions == ("fine",)
    assert list(source.texts(10)) == ["fine"]


def test_a_source_travels_as_its_paths(tmp_path, write_shards):
    source = Shards(write_shards(tmp_path, count=25))
    source[3]
    sent = pickle.dumps(source)
    assert len(sent) < 500 + len(str(tmp_path))
    assert pickle.loads(sent)[3].label == 3


def test_threads_that_open_a_shard_at_once_read_it_all(tmp_path, write_tar, image):
    """Of two that open it only one stands in the cache; the other's must stay open while it is read."""
    source = Shards(write_tar(tmp_path / "x.tar", {"a.txt": b"one", "a.png": image}))
    start = Barrier(8)

    def read(_):
        start.wait()
        return source[0].captions

    with ThreadPoolExecutor(8) as threads:
        for _ in range(300):
            shards._open.cache_clear()
            assert {*threads.map(read, range(8))} == {("one",)}


def test_every_member_is_accounted_for(tmp_path, write_tar, image):
    members = {
        "README": b"", ".DS_Store": b"", "._a.png": b"", "sub/a.png": image, "sub/a.txt": b"one", "b.txt": b"alone",
        "b.heic": b"", "c.JFIF": image, "d.png": image, "d.seg.npy": b"", "d.json": {"label": 1}, "e.cls": b"1",
        "IMG_1.0.png": image, "IMG_1.0.txt": b"zero", "IMG_1.1.png": image, "IMG_1.1.txt": b"first",
    }  # fmt: skip
    one, other = write_tar(tmp_path / "x.tar", members), write_tar(tmp_path / "y.tar", {"b.txt": b"", "f.png": image})
    for _ in range(2):  # found, and then by what was kept
        source = Shards((one, other, other), templates=("{}",))
        (account,) = source.account()
        assert (account.of, account.unit, account.all, account.read) == ("3 shards", "members of tar files", 20, 11)
        assert account.passed_over == {
            "its name has no ending, or begins with a dot": Named(
                3, ("x.tar:README", "x.tar:.DS_Store", "x.tar:._a.png")
            ),
            "its ending is none that is read": Named(2, ("x.tar:b.heic", "x.tar:d.seg.npy")),
            "there is no picture of its name": Named(4, ("x.tar:b.txt", "x.tar:e.cls", "y.tar:b.txt")),
        }
        assert account.remarks == {
            "a picture alone, without a json, txt or cls": Named(3, ("x.tar:c", "y.tar:f", "y.tar:f")),
            "names split at the last dot, as several have what stands before the first": Named(1, ("x.tar:IMG_1",)),
            "the tar file is named several times": Named(1, (other,)),
        }
    assert [(source[i].key.rpartition(":")[2], source[i].captions) for i in range(len(source))] == [
        ("sub/a", ("one",)), ("c", ()), ("d", ()), ("IMG_1.0", ("zero",)), ("IMG_1.1", ("first",)),
        ("f", ()), ("f", ()),
    ]  # fmt: skip


def test_a_link_in_a_shard_is_a_member_like_another(tmp_path, image):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name, target in (("a.png", None), ("a.txt", None), ("b.png", "a.png"), ("c.png", "gone.png")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = (tarfile.REGTYPE, "") if target is None else (tarfile.SYMTYPE, target)
            content = b"" if target else image if name == "a.png" else b"one"
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    source = Shards(str(tmp_path / "x.tar"))
    (account,) = source.account()
    assert (account.all, account.read, len(source)) == (4, 3, 2) and source[1].image == image
    assert account.passed_over == {"it is a link to nothing in the tar file": Named(1, ("x.tar:c.png",))}


def test_classes_of_one_name_are_remarked(tmp_path, write_tar, image):
    (tmp_path / "c.json").write_text('{"0": "crane", "1": "Crane"}')
    source = Shards(write_tar(tmp_path / "x.tar", {"a.png": image, "a.cls": b"1"}), str(tmp_path / "c.json"))
    (account,) = source.account()
    assert account.remarks == {"a class shares its name, up to case, with another": Named(2, ("crane", "Crane"))}


def test_a_name_that_is_not_utf8_is_read_and_remarked(tmp_path, write_tar, image):
    names = [os.fsdecode(b"caf\xe9.png"), os.fsdecode(b"caf\xe9.txt")]
    source = Shards(write_tar(tmp_path / "x.tar", dict(zip(names, (image, b"one")))))
    assert source[0].captions == ("one",) and source[0].key.endswith("x.tar:caf\ufffd")
    (account,) = source.account()
    assert account.remarks == {"its name is not UTF-8": Named(1, ("x.tar:caf?",))}


def test_what_is_odd_about_a_record_comes_with_it(tmp_path, write_tar, image):
    members = {"a.png": image, "a.json": {"caption": "red"}, "a.txt": b"blue", "b.png": image, "c.png": image,
               "c.cls": b"1"}  # fmt: skip
    source = Shards(write_tar(tmp_path / "x.tar", members))
    assert source[0].captions == ("red",) and source[0].remarks == (
        "its txt says something else than its json, which is taken",
    )
    assert source[1].remarks == ("no caption, no class",) and source[2].remarks == ()


def test_a_text_in_another_encoding_breaks_its_record(tmp_path, write_tar, image):
    members = {"a.png": image, "a.txt": "caf\xe9".encode("latin-1"), "b.png": image, "b.txt": b"\xef\xbb\xbfred"}
    source = Shards(write_tar(tmp_path / "x.tar", members))
    with pytest.raises(
        BrokenRecord, match="x.tar:a: its txt is not as documented: line 1 is not UTF-8: byte 0xe9 at place 3"
    ):
        source[0]
    assert source[1].captions == ("red",) and list(source.texts(2)) == ["red"]


def test_a_folder_whose_name_is_not_utf8(tmp_path, write_tar, image):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    write_tar(folder / "a.tar", {"0.png": image, "0.txt": b"a dog"})
    for pattern in (folder, folder / "*.tar"):
        assert Shards(str(pattern))[0].captions == ("a dog",) and Shards(str(pattern)).account()[0].read == 2


def test_other_archives_beside_the_shards_and_classes_without_a_word_are_remarked(tmp_path, write_tar, image):
    write_tar(tmp_path / "a.tar", {"0.png": image, "0.cls": b"0"})
    (tmp_path / "b.tar.gz").write_bytes(b"x")
    (tmp_path / "classes.json").write_text('["n02123045", "dog"]')
    (account,) = Shards(str(tmp_path), str(tmp_path / "classes.json")).account()
    assert account.remarks == {
        "a class's name is an id or begins with a number": Named(1, ("n02123045",)),
        "it lies in the folder of shards, and is no plain .tar file: it is not read": Named(1, ("b.tar.gz",)),
    }
