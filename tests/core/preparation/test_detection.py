"""Data sets for detection: what is written is what the sources have, and what is not written is named."""

import json
from collections import Counter
from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from tandemclip.core.data.records import BrokenRecord, Object, Record
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.coco_objects import CocoObjects
from tandemclip.core.data.sources.part import Share
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.sources.together import Together
from tandemclip.core.data.sources.voc_objects import VocObjects
from tandemclip.core.errors import UserError
from tandemclip.core.preparation.detection import write_detection

RNG = np.random.default_rng(0)
WHOLE = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Given(Source):
    records: tuple
    categories: tuple[str, ...] = ()

    def __len__(self):
        return len(self.records)

    def __getitem__(self, index):
        if isinstance(self.records[index], BrokenRecord):
            raise self.records[index]
        return self.records[index]

    def texts(self, limit):
        return iter(())


def picture(*objects, key="k", height=20, width=30):
    pixels = cv2.resize(RNG.integers(0, 255, (4, 5, 3), np.uint8), (width, height))
    return Record(key, pixels, objects=objects)


def write(out, made_of=None, **splits):
    sources = {name: source if isinstance(source, Source) else Given(source) for name, source in splits.items()}
    return write_detection(sources, out, made_of or {})


def coco(out, split="train"):
    return json.loads((out / "annotations" / f"instances_{split}.json").read_text())


def read_coco(out, split="train"):
    return CocoObjects(str(out / "annotations" / f"instances_{split}.json"), str(out / "VOC2007" / "JPEGImages"))


def read_voc(out, split="train"):
    return VocObjects(str(out / "VOC2007"), split)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """(sources by split, the folder)"""
    sources = {
        "train": Scenes(size=40, count=12, seed=3, size_words=True, digits=3),
        "test": Scenes(size=52, count=5, seed=3, split="held_out"),
    }
    out = tmp_path_factory.mktemp("scenes") / "out"
    write_detection(sources, out, {"train": {"type": "scenes"}})
    return sources, out


@pytest.mark.parametrize("split", ["train", "test"])
def test_scenes_come_back_from_cocos_json(scenes, split):
    sources, out = scenes
    found = read_coco(out, split)
    assert len(found) == len(sources[split]) and found.categories == sources[split].categories
    for index in range(len(found)):
        record, given = found[index], sources[split][index]
        assert np.abs(record.pixels.astype(int) - given.pixels).mean() < 6  # a JPEG
        for a, b in zip(record.objects, given.objects, strict=True):
            assert (a.box, a.phrase, a.category, a.attributes) == (b.box, b.phrase, b.category, b.attributes)
            np.testing.assert_array_equal(a.mask, b.mask)


@pytest.mark.parametrize("split", ["train", "test"])
def test_scenes_come_back_from_the_voc_tree(scenes, split):
    sources, out = scenes
    found = read_voc(out, split)
    assert len(found) == len(sources[split])
    for index in range(len(found)):
        for a, b in zip(found[index].objects, sources[split][index].objects, strict=True):
            assert (a.box, a.category) == (b.box, b.category)


def test_pycocotools_reads_it_and_has_the_same_areas(scenes):
    module = pytest.importorskip("pycocotools.coco", reason="pycocotools reads what is written: '.[detection]'")
    sources, out = scenes
    found = module.COCO(str(out / "annotations" / "instances_train.json"))
    assert sorted(found.getCatIds()) == list(range(1, 11)) and found.cats[8]["name"] == "seven"
    assert sorted(found.getImgIds()) == list(range(1, 13)) and sorted(found.anns) == list(range(1, len(found.anns) + 1))
    for number, scene in enumerate((sources["train"][i] for i in range(12)), 1):
        things = found.loadAnns(found.getAnnIds(imgIds=number))
        for thing, given in zip(things, scene.objects, strict=True):
            mask = found.annToMask(thing).astype(bool)
            np.testing.assert_array_equal(mask, given.mask)
            assert thing["area"] == mask.sum() and thing["iscrowd"] == 0
            assert found.cats[thing["category_id"]]["name"] == given.category


def test_numbers_and_attributes_run_over_all_splits(scenes):
    sources, out = scenes
    train, test = coco(out), coco(out, "test")
    assert [image["id"] for image in train["images"] + test["images"]] == list(range(1, 18))
    assert test["images"][0]["file_name"] == "000013.jpg" and test["images"][0]["source"] == sources["test"][0].key
    assert train["categories"] == test["categories"] and train["attributes"] == test["attributes"]
    assert [name["name"] for name in train["attributes"]] == ["blue", "green", "large", "red", "small", "yellow"]
    report = json.loads((out / "report.json").read_text())
    boxes = Counter(thing.category for i in range(12) for thing in sources["train"][i].objects)
    assert report["splits"]["train"] == {
        "source": {"type": "scenes"},
        "pictures": 12,
        "without_boxes": 0,
        "boxes": dict(boxes),
    }
    assert report["passed_over"] == {} and report["splits"]["test"]["source"] is None


def test_voc_coordinates_are_exact_both_ways(tmp_path):
    """Every box on whole pixels, one pixel to all of them, at odd sizes of pictures."""
    given = []
    for height, width in ((1, 1), (7, 3), (97, 333)):
        corners = np.sort(RNG.integers(0, (height + 1, width + 1), (40, 2, 2)), axis=1)
        corners = [*corners[(np.diff(corners, axis=1) > 0).all((1, 2))], np.array([[0, 0], [height, width]])]
        boxes = [(x1 / width, y1 / height, x2 / width, y2 / height) for (y1, x1), (y2, x2) in corners]
        given.append(picture(*(Object(box, "a", category="a") for box in boxes), height=height, width=width))
    write(tmp_path / "out", train=tuple(given))
    for source in (read_voc(tmp_path / "out"), read_coco(tmp_path / "out")):
        for index, record in enumerate(given):
            assert [a.box for a in source[index].objects] == [b.box for b in record.objects]


def test_a_box_between_pixels_goes_to_the_nearest_and_has_one_at_least(tmp_path):
    boxes = [(0.05, 0.06, 0.34, 0.36), (0.99, 0.0, 1.0, 1.0), (0.01, 0.0, 0.02, 1.0)]
    things = (Object(box, "a", category="a") for box in boxes)
    write(tmp_path / "out", train=(picture(*things, height=10, width=10),))
    found = [np.round(np.array(thing.box) * 10).tolist() for thing in read_voc(tmp_path / "out")[0].objects]
    assert found == [[0, 1, 3, 4], [9, 0, 10, 10], [0, 0, 1, 10]]
    np.testing.assert_allclose([thing.box for thing in read_coco(tmp_path / "out")[0].objects], boxes, atol=1e-7)


def test_marks_are_kept(tmp_path):
    mask = np.ones((20, 30), bool)
    marks = [set(), {"difficult"}, {"truncated", "difficult"}, {"crowd"}]
    things = [Object(WHOLE, "a", category="a", marks=frozenset(own), mask=mask) for own in marks]
    report = write(tmp_path / "out", train=(picture(*things),))
    assert [thing.marks for thing in read_coco(tmp_path / "out")[0].objects] == marks
    assert [thing.marks for thing in read_voc(tmp_path / "out")[0].objects] == marks[:3]
    assert [thing["iscrowd"] for thing in coco(tmp_path / "out")["annotations"]] == [0, 0, 0, 1]
    (reason,) = report["passed_over"]
    assert "crowd" in reason and report["passed_over"][reason] == ["k: a, box [0.0, 0.0, 30.0, 20.0] in pixels"]


def test_boxes_are_clipped_and_empty_things_are_named(tmp_path):
    boxes = [(-0.5, 0.5, 0.5, 1.5), (1.0, 0.0, 1.2, 1.0), (0.5, 0.5, 0.5, 0.9), (0.8, 0.1, 0.2, 0.9)]
    things = [Object(box, f"a{i}", category="a") for i, box in enumerate(boxes)]
    none = Object(WHOLE, "ghost", category="a", mask=np.zeros((20, 30), bool))
    report = write(tmp_path / "out", train=(picture(*things, none), picture()))
    assert [thing["bbox"] for thing in coco(tmp_path / "out")["annotations"]] == [[0.0, 10.0, 15.0, 10.0]]
    assert [thing["area"] for thing in coco(tmp_path / "out")["annotations"]] == [150.0]
    passed = report["passed_over"]
    assert {reason: len(names) for reason, names in passed.items()} == {
        "a box without area in its picture": 3,
        "a mask without a pixel": 1,
    }
    assert passed["a mask without a pixel"] == ["k: object 4, 'ghost', box [0.0, 0.0, 1.0, 1.0]"]
    assert report["splits"]["train"] == {"source": None, "pictures": 2, "without_boxes": 1, "boxes": {"a": 1}}
    assert len(read_coco(tmp_path / "out")) == len(read_voc(tmp_path / "out")) == 2


def test_phrases_are_objects_once_for_each_box(tmp_path):
    half = (0.0, 0.0, 0.5, 1.0)
    union = Object(half, "two dogs", marks=frozenset(["several"]))
    things = [union, Object(half, "a dog"), Object(half, "the dog"), Object(WHOLE, "grass")]
    named = [Object(half, "cat", category="cat"), Object(half, "pet", category="pet")]
    report = write(tmp_path / "out", train=(picture(*things, *named), picture(Object(half, "a dog"))))
    assert report["splits"]["train"]["boxes"] == {"object": 3, "cat": 1, "pet": 1}
    assert {reason: len(names) for reason, names in report["passed_over"].items()} == {
        "several things in one box": 1,
        "another phrase for the same box": 1,
    }
    assert "'the dog'" in report["passed_over"]["another phrase for the same box"][0]


def test_categories_that_are_listed_come_first_in_their_order(tmp_path):
    def things(*names):
        return (picture(*(Object(WHOLE, name, category=name) for name in names)),)

    train, test = Given(things("zebra", "mouse"), ("zebra", "ant")), Given(things("bee", "ant"), ("cat", "zebra"))
    write(tmp_path / "a", train=train, test=test)
    names = [category["name"] for category in coco(tmp_path / "a")["categories"]]
    assert names == ["zebra", "ant", "cat", "bee", "mouse"]
    assert [category["id"] for category in coco(tmp_path / "a", "test")["categories"]] == [1, 2, 3, 4, 5]
    write(tmp_path / "b", train=Share(Together((test, train)), 0, 1))
    names = [category["name"] for category in coco(tmp_path / "b")["categories"]]
    assert names == ["cat", "zebra", "ant", "bee", "mouse"]


def test_pictures_that_cannot_be_used_are_named_and_leave_no_gap(tmp_path):
    thing = Object(WHOLE, "a", category="a")
    other = Object(WHOLE, "a", category="a", mask=np.ones((5, 6), bool))
    nothing = Object((0, 0, 0, 0), "nothing", category="a")
    good = Record("good", cv2.imencode(".jpg", np.zeros((8, 9, 3), np.uint8))[1].tobytes(), objects=(thing,))
    records = (
        BrokenRecord("gone.jpg", "the file cannot be read"),
        Record("torn", good.image[:60], objects=(thing,)),
        picture(nothing, other, key="masked"),
        good,
    )
    report = write(tmp_path / "out", train=records)
    (names,) = report["passed_over"].values()
    assert [name.split(":")[0] for name in names] == ["gone.jpg", "torn", "masked"]
    assert "5 x 6, and this one is 20 x 30" in names[2]
    assert [path.name for path in (tmp_path / "out" / "VOC2007" / "JPEGImages").iterdir()] == ["000001.jpg"]
    assert read_voc(tmp_path / "out")[0].image == good.image  # byte for byte


def test_odd_annotations_of_cocos_json_are_named(tmp_path):
    images = [{"id": i, "file_name": f"{i}.png", "height": 4, "width": 5} for i in (1, 2, 3)]
    odd = {"size": [4, 5], "counts": [7]}
    things = [
        {"id": i, "image_id": i, "category_id": 1, "bbox": [0, 0, 2, 2], "segmentation": odd if i == 2 else []}
        for i in (1, 2, 3)
    ]
    content = {"images": images, "annotations": things, "categories": [{"id": 1, "name": "a"}]}
    (tmp_path / "c.json").write_text(json.dumps(content))
    for number in (1, 2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((4, 5, 3), np.uint8))
    report = write(tmp_path / "out", train=CocoObjects(str(tmp_path / "c.json"), str(tmp_path)))
    (names,) = report["passed_over"].values()
    assert report["splits"]["train"]["pictures"] == 1 and len(names) == 2
    assert "2.png: an annotation is not as COCO has it: id 2: the mask's counts add up to 7" in names[0]
    assert "3.png: the file cannot be read" in names[1]


def test_nothing_is_left_where_nothing_can_be_written(tmp_path):
    with pytest.raises(UserError, match="train has no box in its 1 pictures: .*e.g. k: object 0, 'two'"):
        write(tmp_path / "out", train=(picture(Object(WHOLE, "two", marks=frozenset(["several"]))),))
    with pytest.raises(UserError, match="'../x' is no name"):
        write(tmp_path / "out", **{"../x": (picture(Object(WHOLE, "a")),)})
    assert not list(tmp_path.iterdir())
    write(tmp_path / "out", train=(picture(Object(WHOLE, "a")),))
    before = (tmp_path / "out" / "report.json").read_bytes()
    with pytest.raises(UserError, match="out is there already"):
        write(tmp_path / "out", train=(picture(Object(WHOLE, "b")), picture(Object(WHOLE, "b"))))
    assert (tmp_path / "out" / "report.json").read_bytes() == before


def test_colours_of_small_things_stay(tmp_path):
    pixels = np.full((16, 16, 3), 40, np.uint8)
    pixels[:, ::2] = (232, 40, 40)
    write(tmp_path / "out", train=(Record("k", pixels, objects=(Object(WHOLE, "a"),)),))
    assert np.abs(read_voc(tmp_path / "out")[0].pixels.astype(int) - pixels).max() < 16


def test_real_photos_of_voc(shared, tmp_path):
    photos = VocObjects(str(shared / "data" / "voc_sample" / "000000.tar"))
    report = write(tmp_path / "out", train=Share(photos, 0, 0.75), test=Share(photos, 0.75, 1))
    assert [found["pictures"] for found in report["splits"].values()] == [36, 12] and report["passed_over"] == {}
    given = {photos[i].image: photos[i] for i in range(48)}
    names = [category["name"] for category in coco(tmp_path / "out")["categories"]]
    assert names == list(photos.categories) and len(names) == 20
    for split, count in (("train", 36), ("test", 12)):
        for source in (read_voc(tmp_path / "out", split), read_coco(tmp_path / "out", split)):
            assert len(source) == count
            for index in range(count):
                same = given[source[index].image]
                for a, b in zip(source[index].objects, same.objects, strict=True):
                    assert (a.box, a.category, a.marks) == (pytest.approx(b.box, abs=1e-9), b.category, b.marks)


def test_real_photos_of_coco(shared, tmp_path):
    data = shared / "data" / "coco_sample"
    photos = CocoObjects(str(data / "instances_val.json"), str(data / "val" / "000000.tar"))
    report = write(tmp_path / "out", val=photos)
    assert report["passed_over"] == {} and sum(report["splits"]["val"]["boxes"].values()) == 482
    assert report["splits"]["val"]["without_boxes"] == 2
    found = read_coco(tmp_path / "out", "val")
    assert found.categories == photos.categories
    for index in range(0, 64, 7):
        for a, b in zip(found[index].objects, photos[index].objects, strict=True):
            np.testing.assert_allclose(a.box, b.box, atol=1e-6)
            np.testing.assert_array_equal(a.mask, b.mask)


def test_real_phrases(shared, tmp_path):
    photos = Shards(str(shared / "data" / "flickr8k_entities" / "dev" / "000000.tar"))
    report = write(tmp_path / "out", val=Share(photos, 0, 0.05))
    passed = {reason: len(names) for reason, names in report["passed_over"].items()}
    chosen = Share(photos, 0, 0.05)
    things = [[thing for thing in chosen[i].objects if "several" not in thing.marks] for i in range(50)]
    assert report["splits"]["val"]["boxes"] == {"object": sum(len({thing.box for thing in own}) for own in things)}
    assert passed["several things in one box"] == sum(len(chosen[i].objects) - len(things[i]) for i in range(50)) > 0
    assert [category["name"] for category in coco(tmp_path / "out", "val")["categories"]] == ["object"]
