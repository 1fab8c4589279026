"""What is found on pictures, written into their shards."""

import json

import cv2
import numpy as np

from tandemclip.core.data.records import Object
from tandemclip.core.data.sources.shard_writer import write_shard
from tandemclip.core.preparation.found_objects import add_found, detected
from tandemclip.core.preparation.rewrite import samples

PNG = cv2.imencode(".png", np.full((4, 6, 3), (10, 20, 30), np.uint8))[1].tobytes()
OLD = {"captions": ["x"], "phrases": [{"phrase": "a", "box": [0, 0, 1, 1]}], "objects": [{"phrase": "b"}], "id": 5}


def thing(phrase, feature, confidence=0.5, **more):
    return Object((0.0, 0.1, 0.5, 1.0), phrase, confidence, np.asarray(feature, np.float32), **more)


def run(folder, contents, find):
    write_shard(folder / "in" / "a.tar", [(f"{i}", content) for i, content in enumerate(contents)])
    done = add_found([str(folder / "in" / "a.tar")], folder / "out", {"by": "test"}, find)
    return done, [content for _, content in samples(folder / "out" / "a.tar")]


def test_what_is_found_takes_the_place_of_what_was_there(tmp_path):
    found = (thing("red seven", [1, 2], 0.75, category="seven", attributes=("red",)), thing("two", [3, 1e6]))
    rois = b"features of the old ones"
    content = {"png": PNG, "json": json.dumps(OLD).encode(), "rois.npy": rois, "cls": b"3"}
    done, [after] = run(tmp_path, [content], lambda key, contents: found)
    assert done.counts == {"samples": 1, "objects": 2}
    box = [0.0, 0.1, 0.5, 1.0]
    assert json.loads(after["json"]) == {
        "captions": ["x"],
        "id": 5,
        "objects": [
            {"phrase": "red seven", "box": box, "confidence": 0.75, "category": "seven", "attributes": ["red"]},
            {"phrase": "two", "box": box, "confidence": 0.5},
        ],
    }
    (tmp_path / "r.npy").write_bytes(after["rois.npy"])
    np.testing.assert_array_equal(np.load(tmp_path / "r.npy"), np.array([[1, 2], [3, 1e6]], np.float32))
    assert after["png"] == PNG and after["cls"] == b"3"


def test_a_picture_without_objects_has_none(tmp_path):
    content = {"png": PNG, "json": json.dumps(OLD).encode(), "rois.npy": b"old"}
    done, [after] = run(tmp_path, [content], lambda key, contents: ())
    assert done.counts == {"samples": 1, "objects": 0}
    assert list(done.accounts[1].lines()) == [
        "described: all 1 samples read",
        "  remarked, nothing was found on it (1: 0)",
    ]
    assert json.loads(after.pop("json")) == {"captions": ["x"], "id": 5, "objects": []} and after == {"png": PNG}


def test_what_is_unknown_or_unreadable_is_copied_and_counted(tmp_path):
    find = detected(lambda pixels: (thing(f"{pixels[0, 0].tolist()}", [1.0]),))  # OpenCV's file was written as BGR
    json_ = json.dumps(OLD).encode()
    contents = [
        {"png": PNG, "json": json_},
        {"png": PNG[:30], "json": json_},
        {"json": json_},
        {"png": PNG, "json": b"["},
        {"png": PNG},
    ]
    done, after = run(tmp_path, contents, lambda key, given: None if key == "4" else find(key, given))
    assert done.counts == {"samples": 5, "objects": 1}
    assert list(done.accounts[1].lines()) == [
        "described: 1 of 5 samples read",
        "  passed over, it cannot be read (3: 1, 2, 3)",
        "  passed over, its picture is not in the file; see --image-key (1: 4)",
    ]
    assert after[1:] == contents[1:]
    assert json.loads(after[0]["json"])["objects"][0]["phrase"] == "[30, 20, 10]"
