"""Features that others extracted: the files of bottom-up attention and VinVL, written here as they write them."""

import base64
import json

import numpy as np
import pytest

from tandemclip.core.data.sources.shard_writer import write_shard
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.errors import UserError
from tandemclip.core.preparation.feature_files import FeatureFile
from tandemclip.tools import prepare

DIM = 5
COUNTS = {"391895": 3, "COCO_a": 14, "7": 0}
SIZES = {"391895": (640, 480), "COCO_a": (50, 80), "7": (9, 9)}


def regions(name):
    """-> boxes in 0..1 [n, 4], features [n, DIM], predictions"""
    rng = np.random.default_rng(len(name))
    count = COUNTS[name]
    boxes = np.sort(rng.random((count, 2, 2)), 1).reshape(count, 4)
    features = rng.standard_normal((count, DIM)).astype(np.float32)
    words = [{"class": f"thing {i}", "conf": float(c), "rect": [0, 0, 1, 1]} for i, c in enumerate(rng.random(count))]
    for thing in words[::2]:
        thing["attributes"] = ["red", "big", "third"]
    return boxes, features, words


def packed(array):
    return base64.b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode()


def written(path, rows):
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    return path


def bottom_up(path, more=lambda name: ()):
    rows = []
    for name, (width, height) in SIZES.items():
        boxes, features, _ = regions(name)
        pixels = boxes * [width, height, width, height]
        rows.append((name, width, height, len(boxes), packed(pixels), packed(features), *more(name)))
    return written(path, rows)


def vinvl(path, columns):
    rows = []
    for name in SIZES:
        boxes, features, _ = regions(name)
        numbers = np.concatenate([features, boxes, boxes[:, 2:] - boxes[:, :2]], 1)
        one = {"num_boxes": len(boxes), "features": packed(numbers)}
        rows.append((name, json.dumps(one)) if columns == 2 else (name, len(boxes), packed(numbers)))
    return written(path, rows)


def predictions(path, bare=False):
    found = {name: regions(name)[2] for name in reversed(SIZES)}
    return written(
        path, [(name, json.dumps(words if bare else {"image_h": 1, "objects": words})) for name, words in found.items()]
    )


@pytest.mark.parametrize("layout", ["bottom_up", "vinvl_2", "vinvl_3"])
def test_the_ten_surest_regions_with_their_words(tmp_path, layout):
    path = tmp_path / "features.tsv"
    bottom_up(path) if layout == "bottom_up" else vinvl(path, int(layout[-1]))
    file = FeatureFile(path, predictions=predictions(tmp_path / "predictions.tsv", bare=layout == "vinvl_3"))
    for name in COUNTS:
        boxes, features, words = regions(name)
        order = sorted(range(len(words)), key=lambda i: -words[i]["conf"])[:10]
        found = file(name, {})
        assert len(found) == len(order)
        for thing, i in zip(found, order):
            np.testing.assert_allclose(thing.box, boxes[i], atol=1e-6)
            np.testing.assert_array_equal(thing.feature, features[i])
            assert thing.category == f"thing {i}" and thing.attributes == (() if i % 2 else ("red", "big"))
            assert thing.phrase == (f"thing {i}" if i % 2 else f"red big thing {i}")
            assert thing.confidence == round(words[i]["conf"], 6)
    assert file("another", {}) is None


def test_columns_that_the_user_names(tmp_path):
    """LXMERT's order, which has the height first, with a column of phrases and one of confidences."""
    name, (width, height) = "391895", SIZES["391895"]
    boxes, features, _ = regions(name)
    pixels = packed(boxes * [width, height, width, height])
    row = (name, height, width, packed([0.2, 0.9, 0.5]), 3, pixels, packed(features))
    names = ("image_id", "image_h", "image_w", "confidences", "num_boxes", "boxes", "features", "phrases")
    for phrases in ("a red ball, two dogs ,sky", json.dumps(["a red ball", "two dogs", "sky"])):
        found = FeatureFile(written(tmp_path / "f.tsv", [(*row, phrases)]), names)(name, {})
        assert [thing.phrase for thing in found] == ["two dogs", "sky", "a red ball"]
        assert [thing.confidence for thing in found] == pytest.approx([0.9, 0.5, 0.2], abs=1e-6)
        np.testing.assert_allclose([thing.box for thing in found], boxes[[1, 2, 0]], atol=1e-6)
    with pytest.raises(UserError, match="3 regions, and words for 2"):
        FeatureFile(written(tmp_path / "f.tsv", [(*row, "a,b")]), names)(name, {})


def test_without_confidences_the_files_order_stands(tmp_path):
    path = bottom_up(tmp_path / "f.tsv", lambda name: [",".join(f"p{i}" for i in range(COUNTS[name]))])
    names = ("image_id", "image_w", "image_h", "num_boxes", "boxes", "features", "phrases")
    found = FeatureFile(path, names)("COCO_a", {})
    assert [(thing.phrase, thing.confidence) for thing in found] == [(f"p{i}", 1.0) for i in range(10)]


def test_a_picture_is_known_by_its_file_name(tmp_path):
    file = FeatureFile(bottom_up(tmp_path / "f.tsv"), predictions=predictions(tmp_path / "p.tsv"), image_key="source")
    for source in ("train2017/000000391895.jpg", "391895", 391895):
        assert len(file("0", {"json": json.dumps({"source": source}).encode()})) == 3
    assert file("391895", {"json": b"{}"}) is None


def test_no_words_are_refused_in_one_sentence(tmp_path):
    with pytest.raises(UserError, match="holds features and no words.*--predictions FILE.*--columns"):
        FeatureFile(bottom_up(tmp_path / "f.tsv"))


@pytest.mark.parametrize(
    "row, message",
    [
        (("7", 9, 9, 1, packed(np.zeros(4))), "5 columns, and 6 have a name"),
        (("7", 9, 9, 2, packed(np.zeros(4)), packed(np.zeros(4))), "regions of 7 are not as expected"),
        (("7", 9, 9, 1, packed(np.zeros(4)), "!"), "regions of 7 are not as expected"),
        (
            ("7", 0, 9, 1, packed(np.ones(4)), packed(np.zeros(4))),
            "regions of 7 are not as expected: it has no width or height",
        ),
        (("7", 1, packed(np.zeros(6))), "6 numbers a region, expected a feature and 6"),
        (
            ("7", 9, 9, 1, packed([0, 0, np.nan, 1]), packed(np.zeros(4))),
            "its box is .*, expected numbers that are fin",
        ),
        (("7", 9, 9, 1, packed([5, 0, 2, 1]), packed(np.zeros(4))), "its box is upside down"),
        (("7", 9, 9, 1, packed([0, 0, 1, 1]), packed([1, np.inf])), "a feature holds numbers that are not finite"),
    ],
)
def test_rows_that_are_not_so_are_named(tmp_path, row, message):
    words = written(tmp_path / "p.tsv", [("7", json.dumps([{"class": "thing"}]))])
    file = FeatureFile(written(tmp_path / "f.tsv", [row]), predictions=words)
    with pytest.raises(UserError, match=message):
        file("7", {})


@pytest.mark.parametrize("words", ["[1]", '[["a"]]', "[null]"])
def test_phrases_of_another_kind_are_named(tmp_path, words):
    row = ("7", 9, 9, 1, packed([0, 0, 1, 1]), packed(np.zeros(4)), words)
    names = ("image_id", "image_w", "image_h", "num_boxes", "boxes", "features", "phrases")
    with pytest.raises(UserError, match="regions of 7 are not as expected: the phrases are no list of texts"):
        FeatureFile(written(tmp_path / "f.tsv", [row]), names)("7", {})


@pytest.mark.parametrize("attributes, words", [({"red": 1}, "the attribute is a mapping"), ([1], "hold a number")])
def test_attributes_of_another_kind_are_named(tmp_path, attributes, words):
    row = ("7", 9, 9, 1, packed([0, 0, 1, 1]), packed(np.zeros(4)))
    said = written(tmp_path / "p.tsv", [("7", json.dumps([{"class": "thing", "attributes": attributes}]))])
    with pytest.raises(UserError, match=words):
        FeatureFile(written(tmp_path / "f.tsv", [row]), predictions=said)("7", {})


def test_tables_that_cannot_be_are_refused(tmp_path):
    words = predictions(tmp_path / "p.tsv")
    twice = [("7", 9, 9, 0, "", ""), ("0007.jpg", 9, 9, 0, "", "")]
    with pytest.raises(UserError, match="several lines for the picture 7"):
        FeatureFile(written(tmp_path / "f.tsv", twice), predictions=words)("7", {})
    with pytest.raises(UserError, match="cannot be read"):
        FeatureFile(tmp_path / "none.tsv", predictions=words)("7", {})
    empty = written(tmp_path / "q.tsv", [("8", "[]")])
    with pytest.raises(UserError, match="q.tsv has no line for it"):
        FeatureFile(bottom_up(tmp_path / "f.tsv"), predictions=empty)("7", {})


# ------------------------------------------------------------------ the command
def test_they_come_into_the_shards(tmp_path, capsys):
    facts = json.dumps({"captions": ["x"], "objects": [{"phrase": "old", "box": [0, 0, 1, 1]}]}).encode()
    names = ["391895", "COCO_a", "7", "elsewhere"]
    write_shard(tmp_path / "in" / "0.tar", [(name, {"png": b"\x89PNG", "json": facts}) for name in names])
    files = ["--features", str(vinvl(tmp_path / "f.tsv", 2)), "--predictions", str(predictions(tmp_path / "p.tsv"))]
    given = ["objects", "--in", str(tmp_path / "in" / "*.tar"), "--out"]
    assert prepare.main([*given, str(tmp_path / "out"), *files]) == 0
    printed = capsys.readouterr().out
    assert "in/*.tar: all 8 members of tar files read" in printed and "described: 3 of 4 samples read" in printed
    assert "4 samples, 13 objects" in printed and "remarked, nothing was found on it (1: 7)" in printed
    assert "passed over, its picture is not in the file; see --image-key (1: elsewhere)" in printed
    source = Shards(str(tmp_path / "out" / "0.tar"))
    assert [len(source[i].objects) for i in range(4)] == [3, 10, 0, 1]
    assert source[0].objects[0].feature.shape == (DIM,) and source[3].objects[0].phrase == "old"
    (tmp_path / "f.tsv").write_text("another")
    assert prepare.main([*given, str(tmp_path / "out"), *files]) == 2
    assert "holds what was made with features" in capsys.readouterr().err


def test_what_cannot_work_is_said_in_one_line(tmp_path, capsys):
    given = ["objects", "--in", "x.tar", "--out", str(tmp_path / "out")]
    for more, message in (
        ([], "one of the arguments --encoder --detector --features is required"),
        (["--encoder", "a", "--detector", "b"], "not allowed with argument"),
        (["--encoder", "a", "--columns", "b"], "say how to read --features FILE"),
        (["--features", "f.tsv"], "holds features and no words"),
        (["--features", "f.tsv", "--columns", "phrases"], "f.tsv cannot be read"),
    ):
        assert prepare.main([*given, *more]) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
