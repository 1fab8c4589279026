"""COCO's caption annotations as a source."""

import json
import pickle
import tarfile

import pytest

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


def test_real_captions(shared, tmp_path):
    data = shared / "data" / "coco_sample"
    content = json.loads((data / "captions_val.json").read_text())
    with tarfile.open(data / "val" / "000000.tar") as archive:
        for member in archive:
            if member.name.endswith(".json"):
                name = json.loads(archive.extractfile(member).read())["file_name"]
                (tmp_path / name).write_bytes(archive.extractfile(member.name.replace(".json", ".jpg")).read())
    source = CocoCaptions(str(data / "captions_val.json"), str(tmp_path))
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
        ('{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": []}', "none of its 1 images"),
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
