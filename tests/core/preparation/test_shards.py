"""Any source into shards: equal records, each once, whatever breaks and whenever it is killed."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from tandemclip.core.data.account import Account, Named
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.captions_table import CaptionsTable
from tandemclip.core.data.sources.class_folder import ClassFolder
from tandemclip.core.data.sources.coco_captions import CocoCaptions
from tandemclip.core.data.sources.shard_writer import write_shard
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.data.sources.together import Together
from tandemclip.core.errors import UserError
from tandemclip.core.preparation.shards import identity, open_ledger, shrunk, write_shards

PROGRAM = """
import sys
from pathlib import Path
from stuck import Stuck
from tandemclip.core.preparation.shards import open_ledger, write_shards
write_shards(Stuck(count=60, size=16), open_ledger(Path(sys.argv[1]), {"per_shard": 10, "short_side": None}))
"""
STUCK = """
import os, time
from pathlib import Path
from tandemclip.core.data.scenes.scenes import Scenes
class Stuck(Scenes):
    def __getitem__(self, index):
        if index == 33:
            Path("here").touch()
            time.sleep(600)
        return super().__getitem__(index)
"""


def prepare(source, out, per_shard=10, short_side=None, chosen=None):
    return write_shards(source, open_ledger(out, {"per_shard": per_shard, "short_side": short_side}), chosen)


def photo(path, seed=0, height=20, width=30):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (4, 5, 3), np.uint8)
    cv2.imwrite(str(path), cv2.resize(pixels, (width, height)))


def facts(record):
    things = [
        (thing.box, thing.phrase, thing.confidence, None if thing.feature is None else thing.feature.tolist())
        for thing in record.objects
    ]
    return record.captions, record.summary, record.label, record.attributes, things


def shards_of(source, out):
    """A class has the texts that whoever reads it wants."""
    classes = (
        {"classes": str(out / "classes.json"), "templates": source.templates} if isinstance(source, ClassFolder) else {}
    )
    return Shards(str(out / "*.tar"), **classes)


def assert_equal(source, out, numbers=None):
    found = shards_of(source, out)
    numbers = range(len(source)) if numbers is None else numbers
    assert len(found) == len(numbers)
    for place, number in enumerate(numbers):
        record, copy = source[int(number)], found[place]
        assert facts(copy) == facts(record)
        np.testing.assert_array_equal(copy.pixels, record.pixels)
        if isinstance(record.image, bytes):
            assert copy.image == record.image


# ------------------------------------------------------------------ round trips
def captions_table(folder, shared):
    for number in range(23):
        photo(folder / f"{number}.jpg", number)
    rows = [f"{number}.jpg,caption {number} {text}" for text in ("ü", "猫") for number in range(23)]
    (folder / "t.csv").write_text("\n".join(["path,caption", *rows]), encoding="utf-8")
    return CaptionsTable(str(folder / "t.csv"))


def class_folder(folder, shared):
    for number in range(23):
        photo(folder / f"class {number % 3}" / f"{number}.png", number)
    return ClassFolder(str(folder), ("a {}", "the {}"))


def coco_captions(folder, shared):
    data = shared / "data" / "coco_sample"
    with tarfile.open(data / "val" / "000000.tar") as archive:
        for member in archive:
            if member.name.endswith(".json"):
                name = json.loads(archive.extractfile(member).read())["file_name"]
                (folder / name).write_bytes(archive.extractfile(member.name.replace(".json", ".jpg")).read())
    return CocoCaptions(str(data / "captions_val.json"), str(folder))


def scenes(folder, shared):
    return Scenes(count=23, size=32, noise=0.3)


def coco_sample(folder, shared):
    return Shards(str(shared / "data" / "coco_sample" / "*" / "*.tar"))


def caltech101(folder, shared):
    return Shards(str(shared / "data" / "caltech101" / "test" / "*.tar"))


@pytest.mark.parametrize("make", [captions_table, class_folder, coco_captions, scenes, coco_sample, caltech101])
def test_records_come_back_equal(make, tmp_path, shared):
    (tmp_path / "in").mkdir()
    source = make(tmp_path / "in", shared)
    report = prepare(source, tmp_path / "out", per_shard=50)
    assert (report["written"], report["shards"], report["left_out"]) == (len(source), -(-len(source) // 50), [])
    assert_equal(source, tmp_path / "out")
    again = shards_of(source, tmp_path / "out")  # shards are a source, too
    prepare(again, tmp_path / "again", chosen=range(0, len(again), 7))
    assert_equal(source, tmp_path / "again", range(0, len(source), 7))


def test_classes_of_several_sources_would_become_one(tmp_path):
    with pytest.raises(UserError, match="the classes of 2 sources, whose numbers are the same; write each by itself"):
        prepare(Together((Scenes(count=5, size=32), Scenes(count=5, size=32))), tmp_path / "out")


def test_annotated_phrases_stay_what_they_are(tmp_path, shared):
    source = Shards(str(shared / "data" / "flickr8k_entities" / "dev" / "*.tar"))
    chosen = range(0, len(source), 50)
    prepare(source, tmp_path, chosen=chosen)
    assert_equal(source, tmp_path, chosen)
    with tarfile.open(tmp_path / "000000.tar") as archive:
        assert {"phrases", "captions", "source"} == set(json.loads(archive.extractfile("00000000.json").read()))


# ------------------------------------------------------------------ broken records
def test_broken_records_are_left_out_named_and_counted(tmp_path):
    for number in range(25):
        photo(tmp_path / "in" / f"{number:02d}.jpg", number)
    whole = (tmp_path / "in" / "03.jpg").read_bytes()
    (tmp_path / "in" / "03.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "in" / "10.jpg").write_bytes(b"")
    (tmp_path / "in" / "24.jpg").unlink()
    (tmp_path / "in" / "t.tsv").write_text("path\tcaption\n" + "".join(f"{n:02d}.jpg\tnumber {n}\n" for n in range(25)))
    report = prepare(CaptionsTable(str(tmp_path / "in" / "t.tsv")), tmp_path / "out")
    assert report == json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["written"], report["shards"]) == (22, 3)
    named = {Path(entry["key"]).name: entry["why"] for entry in report["left_out"]}
    assert list(named) == ["03.jpg", "10.jpg", "24.jpg"]
    assert "no whole image" in named["03.jpg"] and "empty" in named["10.jpg"] and "No such file" in named["24.jpg"]
    rows, pictures, decoded = map(Account.from_json, report["accounts"])
    assert (rows.all, rows.read, pictures.read) == (25, 25, 25) and (decoded.all, decoded.read) == (25, 22)
    assert [named.count for named in decoded.passed_over.values()] == [1, 1, 1]
    found = Shards(str(tmp_path / "out" / "*.tar"))
    assert [found[i].captions[0] for i in range(22)] == [f"number {n}" for n in range(25) if n not in (3, 10, 24)]
    assert found[21].key.endswith("000002.tar:00000023")  # keyed by their place among all


def test_what_is_odd_about_records_is_counted_once_however_often_the_job_begins(tmp_path):
    image = cv2.imencode(".jpg", np.zeros((20, 30, 3), np.uint8))[1].tobytes()
    samples = [(f"{n}", {"jpg": image, "json": b'{"caption": "a"}', "txt": b"ab"[n % 2 :]}) for n in range(9)]
    write_shard(tmp_path / "in.tar", [*samples, ("x", {"jpg": b"", "txt": b"x"})])
    source, texts = Shards(str(tmp_path / "in.tar")), "its txt says something else than its json, which is taken"
    for _ in range(2):
        members, decoded = map(Account.from_json, prepare(source, tmp_path / "out", per_shard=4)["accounts"])
        assert (members.all, members.read, decoded.all, decoded.read) == (29, 29, 10, 9)
        assert decoded.passed_over == {"the image file is empty": Named(1, (f"{tmp_path}/in.tar:x",))}
        assert decoded.remarks[texts].count == 9 and decoded.remarks[texts].first[2].endswith("in.tar:2")
        (tmp_path / "out" / "000001.tar").unlink()
    chosen = write_shards(source, open_ledger(tmp_path / "few", {"per_shard": 4, "short_side": None}), [1, 9, 3])
    decoded = Account.from_json(chosen["accounts"][-1])
    assert (decoded.all, decoded.read, decoded.missing) == (10, 2, 8)
    assert decoded.passed_over["it is not among those that were asked for"].count == 7
    assert "  passed over, it is not among those that were asked for (7)" in list(decoded.lines())


# ------------------------------------------------------------------ smaller images
def test_larger_images_shrink_and_smaller_ones_stay(tmp_path):
    photo(tmp_path / "a" / "wide.png", 0, 60, 90)
    photo(tmp_path / "a" / "tall.jpg", 1, 200, 50)
    photo(tmp_path / "a" / "small.jpg", 2, 40, 300)
    source = ClassFolder(str(tmp_path))
    prepare(source, tmp_path / "out", short_side=40)
    small, tall, wide = (Shards(str(tmp_path / "out" / "*.tar"))[i] for i in range(3))
    assert small.image == source[0].image
    assert tall.pixels.shape == (160, 40, 3) and wide.pixels.shape == (40, 60, 3)
    assert tall.image[:3] == wide.image[:3] == b"\xff\xd8\xff"
    blocks = cv2.resize(source[2].pixels, (60, 40), interpolation=cv2.INTER_AREA)
    assert np.abs(wide.pixels.astype(int) - blocks).mean() < 3  # what a JPEG loses
    assert wide.captions == () and wide.label == source[2].label == 0  # what texts a class has is up to the reader


def test_pixels_that_a_source_draws_shrink_too():
    record = shrunk(Scenes(size=64)[0], 32)
    assert isinstance(record.image, bytes) and record.pixels.shape == (32, 32, 3)
    assert record.captions == Scenes(size=64)[0].captions


def test_masks_shrink_with_their_picture():
    record = Scenes(size=64, digits=3)[1]
    other = dataclasses.replace(record.objects[0], mask=np.ones((5, 6), bool))
    given = dataclasses.replace(record, objects=(*record.objects, dataclasses.replace(other, mask=None), other))
    *found, none, same = shrunk(given, 32).objects
    for thing, before in zip(found, record.objects, strict=True):
        blocks = before.mask.reshape(32, 2, 32, 2).mean((1, 3))
        np.testing.assert_array_equal(thing.mask, blocks >= 0.5)
        assert (thing.box, thing.phrase, thing.category) == (before.box, before.phrase, before.category)
    assert none.mask is None and same.mask.shape == (5, 6)


# ------------------------------------------------------------------ restarts
def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if not path.name.endswith(".npy")}


def test_a_kill_loses_and_doubles_nothing(tmp_path):
    """SIGKILL in the middle of the fourth of six shards."""
    source, out = Scenes(count=60, size=16), tmp_path / "out"
    prepare(source, tmp_path / "whole")
    (tmp_path / "stuck.py").write_text(STUCK)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(out)], cwd=tmp_path, env=environment)
    while not (tmp_path / "here").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.tar")}
    assert list(sorted(before)) == ["000000.tar", "000001.tar", "000002.tar"]
    assert (out / ".000003.tar.part").exists()
    prepare(source, out)
    assert contents(out) == contents(tmp_path / "whole")
    assert all((out / name).stat().st_mtime_ns == time for name, time in before.items())  # not written again


@pytest.mark.parametrize("lines", range(1, 7))
def test_a_kill_between_any_two_steps_loses_and_doubles_nothing(tmp_path, lines):
    """A shard may stand before its line is written; a line may be torn; a shard may have gone."""
    for number in range(25):
        photo(tmp_path / "in" / "a" / f"{number:02d}.jpg", number)
    for number in (3, 12, 22):
        (tmp_path / "in" / "a" / f"{number:02d}.jpg").write_bytes(b"broken")
    source, whole, out = ClassFolder(str(tmp_path / "in")), tmp_path / "whole", tmp_path / "out"
    prepare(source, whole, per_shard=5)
    shutil.copytree(whole, out)
    written = (whole / "shards.jsonl").read_bytes().splitlines(keepends=True)
    torn = b"".join(written[:lines]) + (written[lines][:20] if lines < len(written) else b"")
    (out / "shards.jsonl").write_bytes(torn)
    (out / "000000.tar").unlink()
    (out / "000001.tar").write_bytes(b"cut")
    report = prepare(source, out, per_shard=5)
    tars = lambda folder: {
        name: data for name, data in contents(folder).items() if name.endswith((".tar", "report.json"))
    }
    assert tars(out) == tars(whole)
    assert report["written"] == 22 and len(report["left_out"]) == 3


# ------------------------------------------------------------------ refusals
def test_a_folder_with_other_shards_is_refused(tmp_path):
    prepare(Scenes(count=4), tmp_path)
    before = contents(tmp_path)
    with pytest.raises(UserError, match="per_shard 10, and this is 5.*another --out"):
        prepare(Scenes(count=4), tmp_path, per_shard=5)
    (tmp_path / "shards.jsonl").unlink()
    with pytest.raises(UserError, match="not made by this command"):
        prepare(Scenes(count=4), tmp_path)
    before.pop("shards.jsonl")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["classes.json", "report.json"])
def test_a_file_of_somebody_else_is_not_replaced(tmp_path, name):
    """As where shards go to the folder that the pictures and the list of their classes lie in."""
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match=f"holds a {name} that was not made by this command and would be replaced"):
        prepare(Scenes(count=4), tmp_path)
    assert contents(tmp_path) == {name: b"mine"}


def test_what_tells_sources_apart(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("path,caption\na.jpg,one\nb.jpg,two\n")
    mapping = {"type": "captions_table", "path": str(path)}
    first = identity(CaptionsTable(str(path)), mapping)
    assert first == identity(CaptionsTable(str(path)), mapping) and first["records"] == 2
    path.write_text("path,caption\na.jpg,one\nb.jpg,three\n")
    assert identity(CaptionsTable(str(path)), mapping) != first
