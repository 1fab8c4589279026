"""Shards that are written: whole or not there, equal bytes for equal records, read as what was written."""

import json
import tarfile

import cv2
import numpy as np
import pytest

from tandemclip.core.data.records import BrokenRecord, Object, Record
from tandemclip.core.data.sources.shard_writer import encode, write_shard
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.errors import UserError


def jpeg(seed=0):
    pixels = cv2.resize(np.random.default_rng(seed).integers(0, 255, (4, 5, 3), np.uint8), (30, 20))
    return cv2.imencode(".jpg", pixels)[1].tobytes()


def test_it_is_a_plain_tar_file_of_its_samples_in_order(tmp_path):
    samples = [("sub/b", {"jpg": b"1", "rois.npy": b"22"}), ("a" * 120, {"txt": "ü".encode()}), ("猫", {"cls": b""})]
    assert write_shard(tmp_path / "new" / "x.tar", iter(samples)) == 3
    with tarfile.open(tmp_path / "new" / "x.tar", "r:") as archive:
        found = [(member.name, archive.extractfile(member).read(), member.mtime) for member in archive]
    assert found == [(f"{key}.{kind}", data, 0) for key, members in samples for kind, data in members.items()]
    first = (tmp_path / "new" / "x.tar").read_bytes()
    write_shard(tmp_path / "y.tar", samples)
    assert (tmp_path / "y.tar").read_bytes() == first


def test_what_is_interrupted_leaves_what_was_there(tmp_path):
    def samples(stop):
        yield "a", {"jpg": b"new"}
        if stop:
            raise KeyboardInterrupt

    write_shard(tmp_path / "x.tar", [("a", {"jpg": b"old"})])
    before = (tmp_path / "x.tar").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        write_shard(tmp_path / "x.tar", samples(True))
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar"] and (tmp_path / "x.tar").read_bytes() == before
    write_shard(tmp_path / "x.tar", samples(False))
    assert b"new" in (tmp_path / "x.tar").read_bytes()


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="file/x.tar cannot be written"):
        write_shard(tmp_path / "file" / "x.tar", [])


def round_trip(tmp_path, *records):
    write_shard(tmp_path / "x.tar", ((str(number), encode(record)) for number, record in enumerate(records)))
    source = Shards(str(tmp_path / "x.tar"))
    return [source[number] for number in range(len(source))]


def test_what_may_have_several_classes_is_refused():
    several = Record("a.jpg", jpeg(), present=np.array([1, 0, 1], np.int8))
    with pytest.raises(UserError, match="a.jpg says of 3 classes whether they are there, .* one class at most"):
        encode(several)


def objects(record):
    return [
        (thing.box, thing.phrase, thing.confidence, None if thing.feature is None else thing.feature.tolist())
        for thing in record.objects
    ]


def test_every_field_comes_back(tmp_path):
    feature = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    box = (0.1, 0.2, 1 / 3, 1.0)
    detected = tuple(Object(box, f"thing {i}", 0.1 * i, row) for i, row in enumerate(feature))
    mixed = (detected[0], Object(box, "no feature", 0.5), Object(box, "longer", 1.0, np.zeros(7, np.float32)))
    annotated = (Object(box, "a dog"), Object(box, "grass"))
    odd = ("a\u2028b", 'q"\\', "猫\n", "👩‍👧", "a?")
    given = [
        Record("k", jpeg(), odd, "short", things, 3, {"digit": 7, "color": 0})
        for things in (detected, mixed, annotated, ())
    ]
    for record, found in zip(given, round_trip(tmp_path, *given), strict=True):
        assert (found.image, found.captions, found.summary) == (record.image, record.captions, record.summary)
        assert (found.label, found.attributes, objects(found)) == (record.label, record.attributes, objects(record))
    plain = round_trip(tmp_path, Record("k", jpeg()))[0]
    assert (plain.captions, plain.summary, plain.label, plain.attributes, plain.objects) == ((), None, None, {}, ())


def test_what_a_detector_learns_from_comes_back(tmp_path):
    box, mask = (0.1, 0.2, 0.5, 1.0), np.random.default_rng(0).random((20, 30)) < 0.5
    facts = [
        {"category": "dog", "attributes": ("small", "brown"), "mask": mask, "marks": frozenset(["crowd", "truncated"])},
        {"category": "猫", "marks": frozenset(["several"])},
        {"mask": np.zeros((20, 30), bool), "attributes": ("red",)},
        {},
    ]
    for confidence in (1, 0.5):
        given = Record("k", jpeg(), objects=tuple(Object(box, "a dog", confidence, **more) for more in facts))
        (found,) = round_trip(tmp_path, given)
        assert objects(found) == objects(given)
        for a, b in zip(found.objects, given.objects, strict=True):
            assert (a.category, a.attributes, a.marks) == (b.category, b.attributes, b.marks)
            assert (a.mask is None) == (b.mask is None)
            np.testing.assert_array_equal(a.mask, b.mask)


def test_a_phrase_for_several_things_is_marked(tmp_path):
    things = [{"phrase": f"{n}", "box": [0, 0, 1, 1], **({"n": n} if n else {})} for n in (0, 1, 2)]
    write_shard(tmp_path / "x.tar", [("0", {"jpg": jpeg(), "json": json.dumps({"phrases": things}).encode()})])
    marks = [thing.marks for thing in Shards(str(tmp_path / "x.tar"))[0].objects]
    assert marks == [frozenset(), frozenset(), frozenset(["several"])]


def test_a_mask_that_is_none_makes_the_record_a_broken_one(tmp_path):
    thing = {"phrase": "x", "box": [0, 0, 1, 1], "mask": {"size": [20, 30], "counts": [5, 5]}}
    write_shard(tmp_path / "x.tar", [("0", {"jpg": jpeg(), "json": json.dumps({"objects": [thing]}).encode()})])
    with pytest.raises(BrokenRecord, match="x.tar:0: .*add up to 10"):
        Shards(str(tmp_path / "x.tar"))[0]


def test_features_take_half_the_room_where_nothing_is_lost(tmp_path):
    sizes = {}
    for name, scale in (("half", 1), ("whole", 1 + 2**-20), ("large", 2.0**20)):
        things = (Object((0, 0, 1, 1), "x", 0.5, np.full(1000, scale, np.float32)),)
        sizes[name] = len(encode(Record("k", jpeg(), objects=things))["rois.npy"])
        assert objects(round_trip(tmp_path, Record("k", jpeg(), objects=things))[0])[0][3] == [scale] * 1000
    assert sizes["half"] < 2200 < 4000 < sizes["whole"] == sizes["large"]


@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp", ".bmp", ".tiff", ".ppm"])
def test_bytes_of_image_files_stay_and_other_kinds_become_png(tmp_path, kind):
    pixels = cv2.cvtColor(cv2.imdecode(np.frombuffer(jpeg(), np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    data = cv2.imencode(kind, pixels)[1].tobytes()
    record = Record("k", data)
    (found,) = round_trip(tmp_path, record)
    assert (found.image == data) == (kind != ".ppm")
    np.testing.assert_array_equal(found.pixels, record.pixels)
    np.testing.assert_array_equal(round_trip(tmp_path, Record("k", pixels))[0].pixels, pixels)


def test_what_is_no_image_cannot_be_encoded():
    with pytest.raises(BrokenRecord, match="k: .*no whole image"):
        encode(Record("k", b"<html>"))


def test_lone_surrogates_of_json_become_question_marks(tmp_path):
    write_shard(
        tmp_path / "x.tar", [("a", {"jpg": jpeg(), "json": b'{"captions": ["a\\ud83d b"], "summary": "\\udc00"}'})]
    )
    record = Shards(str(tmp_path / "x.tar"))[0]
    assert (record.captions, record.summary) == (("a? b",), "?")
