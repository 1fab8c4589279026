"""`tools/prepare.py detection` as a person uses it."""

import json

import pytest

from tandemclip.core.data.sources.coco_objects import CocoObjects
from tandemclip.core.data.sources.voc_objects import VocObjects
from tandemclip.tools import prepare

SCENES = ["scenes", "size=32", "colors=2"]


def test_two_splits_are_written_and_told(tmp_path, capsys):
    out = tmp_path / "out"
    train, test = ["train", *SCENES, "count=6", "seed=1"], ["test", *SCENES, "count=3", "seed=1", "split=held_out"]
    assert prepare.main(["detection", "--split", *train, "--split", *test, "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "train: 6 pictures, 0 without a box; " in shown and "test: 3 pictures" in shown
    assert f"written to {out}; report.json" in shown and "passed over:" not in shown
    report = json.loads((out / "report.json").read_text())
    assert report["splits"]["test"]["source"] == {
        "type": "scenes",
        "size": 32,
        "colors": 2,
        "count": 3,
        "seed": 1,
        "split": "held_out",
    }
    words = ", ".join(f"{name} {count}" for name, count in report["splits"]["train"]["boxes"].items())
    assert words in shown
    again = ["voc", "voc_objects", f"path={out}/VOC2007", "split=test"]
    assert prepare.main(["detection", "--split", *again, "--out", str(tmp_path / "again")]) == 0
    boxes = [
        [thing.box for i in range(3) for thing in source[i].objects]
        for source in (
            VocObjects(str(tmp_path / "again" / "VOC2007"), "voc"),
            CocoObjects(f"{out}/annotations/instances_test.json", f"{out}/VOC2007/JPEGImages"),
        )
    ]
    assert boxes[0] == boxes[1]


def test_what_is_passed_over_is_told_by_reason(tmp_path, capsys):
    SIZE = "<size><width>32</width><height>32</height></size>"
    box = "<xmin>{}</xmin><ymin>1</ymin><xmax>{}</xmax><ymax>4</ymax>"
    thing = "<object><name>dog</name><bndbox>{}</bndbox></object>"
    good, empty = thing.format(box.format(1, 4)), thing.format(box.format(40, 50))
    assert prepare.main(["detection", "--split", "x", *SCENES, "count=1", "--out", str(tmp_path / "a")]) == 0
    photo = (tmp_path / "a" / "VOC2007" / "JPEGImages" / "000001.jpg").read_bytes()
    (tmp_path / "photos").mkdir()
    for number in range(6):
        (tmp_path / "photos" / f"{number}.xml").write_text(f"<annotation>{SIZE}{good}{empty}</annotation>")
        (tmp_path / "photos" / f"{number}.jpg").write_bytes(photo if number else b"")
    capsys.readouterr()
    source = ["train", "voc_objects", f"path={tmp_path}/photos"]
    assert prepare.main(["detection", "--split", *source, "--out", str(tmp_path / "b")]) == 0
    shown = capsys.readouterr().out
    assert "train: 5 pictures, 0 without a box; 5 boxes\n  dog 5\n" in shown
    assert "passed over: a picture that cannot be used (1)" in shown and "0.jpg: the image file is empty" in shown
    assert "a box without area in its picture (5)" in shown and shown.count("object 1, 'dog'") == 3


@pytest.mark.parametrize(
    "splits, words",
    [
        ([["train"]], "--split train: its source is missing"),
        ([["train", *SCENES], ["train", *SCENES]], "--split train: give it once"),
        ([["train", "sceens"]], "--split train.*did you mean 'scenes'"),
        ([["train", *SCENES, "count=-1"]], "count is -1"),
    ],
)
def test_a_wrong_split_is_told_in_a_line(tmp_path, capsys, splits, words):
    options = [word for split in splits for word in ("--split", *split)]
    assert prepare.main(["detection", *options, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words.split(".*")[0] in error and words.split(".*")[-1] in error
    assert not list(tmp_path.iterdir())
