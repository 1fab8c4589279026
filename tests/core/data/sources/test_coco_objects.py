"""COCO's instance annotations as a source."""

import json
import pickle
import tarfile

import cv2
import numpy as np
import pytest

from tandemclip.core.data.account import Named
from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.sources.coco_objects import CocoObjects
from tandemclip.core.errors import UserError


def instances(path, annotations, images=None, **more):
    content = {
        "info": {},
        "images": images or [{"id": 7, "file_name": "a.jpg", "height": 10, "width": 20}],
        "annotations": [{"id": i, "image_id": 7, "category_id": 3, **thing} for i, thing in enumerate(annotations, 50)],
        "categories": [{"id": 18, "name": "dog", "supercategory": "animal"}, {"id": 3, "name": "car"}],
        **more,
    }
    path.write_text(json.dumps(content))
    return str(path)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.jpg").write_bytes(cv2.imencode(".jpg", np.zeros((10, 20, 3), np.uint8))[1].tobytes())
    return tmp_path


def test_boxes_categories_masks_and_marks(folder):
    annotations = [
        {
            "bbox": [5, 1, 10, 4],
            "segmentation": [[5, 1, 15, 1, 15, 5, 5, 5]],
            "iscrowd": 0,
            "attributes": ["old", "red"],
        },
        {
            "bbox": [0, 0, 20, 10],
            "category_id": 18,
            "segmentation": {"size": [10, 20], "counts": [50, 150]},
            "iscrowd": 1,
        },
        {"bbox": [-2, 0, 30, 0.5], "segmentation": [], "difficult": True, "truncated": 1.0, "iscrowd": None},
        {"bbox": [0, 0, 1, 1], "image_id": 99},
    ]
    source = pickle.loads(pickle.dumps(CocoObjects(instances(folder / "c.json", annotations), str(folder))))
    assert source.categories == ("car", "dog") and len(source) == 1
    record = source[0]
    assert record.key == str(folder / "a.jpg") and record.pixels.shape == (10, 20, 3) and record.captions == ()
    first, crowd, last = record.objects
    assert (first.box, first.phrase, first.category) == ((0.25, 0.1, 0.75, 0.5), "old red car", "car")
    assert (first.attributes, first.marks, first.confidence) == (("old", "red"), frozenset(), 1.0)
    expected = np.zeros((10, 20), bool)
    expected[1:5, 5:15] = True
    np.testing.assert_array_equal(first.mask, expected)
    assert (crowd.category, crowd.marks) == ("dog", {"crowd"})
    np.testing.assert_array_equal(crowd.mask, np.tile(np.arange(20) >= 5, (10, 1)))
    assert (last.box, last.mask, last.marks) == ((-0.1, 0, 1.4, 0.05), None, {"difficult", "truncated"})
    assert list(source.texts(9)) == ["old red car", "dog", "car"]
    with pytest.raises(IndexError):
        source[1]


def test_images_in_the_files_order_with_their_captions_and_without_objects(folder):
    images = [{"id": i, "file_name": f"{i}.jpg", "height": 10, "width": 20} for i in (9, 7, 8)]
    said = [{"image_id": 8, "caption": "eight"}, {"image_id": 7, "caption": " "}, {"image_id": 7, "caption": "s\ud83d"}]
    (folder / "said.json").write_text(json.dumps({"annotations": said}))
    path = instances(folder / "c.json", [{"bbox": [0, 0, 1, 1]}], images)
    for image in images:
        (folder / image["file_name"]).write_bytes((folder / "a.jpg").read_bytes())
    source = CocoObjects(path, str(folder), str(folder / "said.json"))
    found = [(source[i].key[-5:], source[i].captions, len(source[i].objects)) for i in range(3)]
    assert found == [("9.jpg", (), 0), ("7.jpg", ("s?",), 1), ("8.jpg", ("eight",), 0)]
    assert list(source.texts(3)) == ["s?", "car", "eight"]


@pytest.mark.parametrize(
    "thing, why",
    [
        ({"segmentation": {"size": [10, 20], "counts": [3, 4]}}, "counts add up to 7"),
        ({"segmentation": {"size": [10, 20], "counts": "d"}}, "end within a number"),
        ({"segmentation": [[1, 2, 3, 4]]}, "three corners"),
        ({"segmentation": 5}, "neither polygons nor run lengths"),
        ({"category_id": 4}, "category 4 is none"),
        ({"category_id": "3"}, "category '3' is none"),
        ({"category_id": [3]}, "category .3. is none"),
        ({"category_id": True}, "category True is none"),  # which Python takes for 1
        ({"bbox": [1, 2, 3]}, "its box is .1, 2, 3., expected four numbers"),
        ({"bbox": [1, 2, float("nan"), 3]}, "its box is .*, expected numbers that are finite"),
        ({"bbox": [1, 2, float("inf"), 3]}, "its box is .*, expected numbers that are finite"),
        ({"bbox": None}, "its box is null, expected a list of four numbers"),
        ({"bbox": "0055"}, "its box is a text"),
        ({"bbox": {"x": 0, "y": 0, "w": 5, "h": 5}}, "its box is a mapping"),
        ({"bbox": ["0", "0", "5", "5"]}, "expected four numbers"),
        ({"bbox": [15, 0, -5, 5]}, "its box is upside down: from 0.75, 0 to 0.5, 0.5"),
        ({"attributes": [1]}, "the attributes hold a number"),
        ({"iscrowd": "0"}, "its iscrowd is '0', expected 0 or 1"),
        ({"difficult": 2}, "its difficult is 2, expected 0 or 1"),
        ({"truncated": [1]}, "its truncated is .1., expected 0 or 1"),
        ({"attributes": {"color": "red"}}, "the attribute is a mapping"),
    ],
)
def test_an_annotation_that_is_odd_is_named_with_its_picture(folder, thing, why):
    source = CocoObjects(instances(folder / "c.json", [{"bbox": [0, 0, 5, 5], **thing}]), str(folder))
    with pytest.raises(BrokenRecord, match=f"a.jpg: an annotation is not as COCO has it: id 50: .*{why}"):
        source[0]


def test_a_missing_picture_is_named(folder):
    source = CocoObjects(instances(folder / "c.json", [{"bbox": [0, 0, 5, 5]}]), str(folder))
    (folder / "a.jpg").unlink()
    with pytest.raises(BrokenRecord, match="a.jpg: the file cannot be read: No such file"):
        source[0]


@pytest.mark.parametrize(
    "change, words",
    [
        ({"categories": None}, "not as expected"),
        ({"annotations": [{"image_id": 7, "caption": "x"}]}, "bbox.*give another file"),
        ({"images": [{"id": 7, "file_name": "a.jpg", "height": 0, "width": 20}]}, "a.jpg has no width or no height"),
        ({"images": []}, "has no images"),
        ({"categories": [{"id": 3, "name": "car"}, {"id": "4", "name": "a"}]}, "categories some are numbers and some"),
        ({"images": [{"id": 7, "file_name": "a.jpg", "height": "10", "width": "20"}]}, "a.jpg has no width or no"),
        ({"images": [{"id": 7, "file_name": 5, "height": 10, "width": 20}]}, "file_name of the image of id 7 is a num"),
        ({"images": {"7": "a.jpg"}}, "its images are a mapping, expected a list"),
        ({"annotations": ["x"]}, "its annotations hold a text, expected mappings"),
        ({"categories": [{"id": 3, "name": "a\0"}]}, "the name of the category of id 3 is damaged"),
        ({"categories": [{"id": 3, "name": " "}]}, "the name of the category of id 3 is blank"),
        ({"categories": [{"id": 3, "name": ["car"]}]}, "name of the category of id 3 is a list, expected a text"),
    ],
)
def test_another_kind_of_file_is_refused(folder, change, words):
    path = instances(folder / "c.json", [])
    (folder / "c.json").write_text(json.dumps({**json.loads((folder / "c.json").read_text()), **change}))
    with pytest.raises(UserError, match=words):
        len(CocoObjects(path, str(folder)))


def test_what_is_not_there_is_refused(folder):
    path = instances(folder / "c.json", [{"bbox": [0, 0, 1, 1]}])
    for arguments, words in (
        ((str(folder / "gone.json"), str(folder)), "gone.json cannot be read"),
        ((path, str(folder / "gone")), "gone is no folder"),
        ((path, str(folder), str(folder / "gone.json")), "gone.json cannot be read"),
        ((path, str(folder), path), "is not as expected"),
    ):
        with pytest.raises(UserError, match=words):
            len(CocoObjects(*arguments))


def test_a_picture_outside_of_the_folder_is_told_by_its_own_path(folder):
    image = {"id": 7, "file_name": "/gone/a.jpg", "height": 10, "width": 20}
    with pytest.raises(BrokenRecord, match="^/gone/a.jpg: "):
        CocoObjects(instances(folder / "c.json", [], [image]), str(folder))[0]


def test_real_instances_out_of_a_tar_file(shared):
    data = shared / "data" / "coco_sample"
    source = CocoObjects(
        str(data / "instances_val.json"), str(data / "val" / "000000.tar"), str(data / "captions_val.json")
    )
    content = json.loads((data / "instances_val.json").read_text())
    assert len(source) == 64 and source.categories == tuple(category["name"] for category in content["categories"])
    assert len(source.categories) == 80
    with tarfile.open(data / "val" / "000000.tar") as archive:
        for index in (0, 31, 63):
            image, record = content["images"][index], source[index]
            assert record.image == archive.extractfile(image["file_name"]).read() and record.captions
            things = [thing for thing in content["annotations"] if thing["image_id"] == image["id"]]
            for thing, found in zip(things, record.objects, strict=True):
                x, y, w, h = thing["bbox"]
                sides = np.array([image["width"], image["height"]] * 2)
                np.testing.assert_allclose(np.array(found.box) * sides, [x, y, x + w, y + h], atol=1e-9)
                assert found.mask.shape == record.pixels.shape[:2]
                assert found.mask.sum() == pytest.approx(thing["area"], rel=0.2, abs=20)


def test_all_images_annotations_and_captions_are_accounted_for(folder):
    listed = [{"id": i, "file_name": f"{i}.jpg", "height": 10, "width": 20} for i in (7, 8, 9)]
    things = [{"bbox": [0, 0, 1, 1]}, {"bbox": [0, 0, 1, 1], "image_id": "7"}, {"bbox": [0, 0, 1, 1], "id": 50}]
    texts = [{"image_id": 8, "caption": "dogs"}, {"image_id": 8, "caption": "\t"}, {"image_id": 1, "caption": "x"}]
    (folder / "t.json").write_text(json.dumps({"annotations": texts}))
    source = CocoObjects(instances(folder / "c.json", things, listed), str(folder), str(folder / "t.json"))
    images, boxes, captions = source.account()
    assert (images.all, images.read) == (3, 3)
    assert images.remarks == {"it has no annotation": Named(2, ("id 8 (8.jpg)", "id 9 (9.jpg)"))}
    assert (boxes.all, boxes.read) == (3, 2)
    assert boxes.passed_over == {"its image_id is of no image in the file": Named(1, ("image_id '7'",))}
    assert boxes.remarks == {"its id stands there before": Named(1, ("id 50",))}
    assert (captions.of, captions.all, captions.read) == (str(folder / "t.json"), 3, 1)
    assert captions.passed_over == {
        "the caption is blank": Named(1, ("annotation 1",)),
        "its image_id is of no image in the file": Named(1, ("image_id 1",)),
    }


@pytest.mark.parametrize("more, words", [
    ({"categories": [{"id": 3, "name": "car"}, {"id": 3, "name": "bus"}]}, "id 3 stands .* categories: car and bus"),
    ({"images": [{"id": 7, "file_name": n, "height": 1, "width": 1} for n in "ab"]}, "twice among its images: a and b"),
])  # fmt: skip
def test_an_id_that_stands_twice_is_an_error(folder, more, words):
    with pytest.raises(UserError, match=words):
        len(CocoObjects(instances(folder / "c.json", [{"bbox": [0, 0, 1, 1]}], **more), str(folder)))


@pytest.mark.parametrize(
    "given, names",
    [
        ("red", ("red",)),
        ({"occluded": False, "red": True}, ("red",)),
        (None, ()),
        (["old", " ", "red"], ("old", "red")),
    ],
)
def test_attributes_in_the_ways_in_which_programs_write_them(folder, given, names):
    source = CocoObjects(instances(folder / "c.json", [{"bbox": [0, 0, 5, 5], "attributes": given}]), str(folder))
    assert source[0].objects[0].attributes == names
    assert source[0].objects[0].phrase == " ".join([*names, "car"]) == next(source.texts(1))


def test_a_box_outside_is_remarked_and_one_without_area_is_a_box(folder):
    boxes = [[1, 0, 0, 5], [19, 0, 9, 9], [20, 0, 9, 9]]
    for count, remarks in ((2, ()), (3, ("a box lies outside of its picture",))):
        things = [{"bbox": box} for box in boxes[:count]]
        record = CocoObjects(instances(folder / "c.json", things), str(folder))[0]
        assert len(record.objects) == count and record.remarks == remarks


@pytest.mark.parametrize("height, width, whole", [(10, 20, True), (20, 40, True), (11, 20, True), (20, 10, False)])
def test_a_picture_that_was_turned_after_it_was_annotated_is_broken(folder, height, width, whole):
    image = {"id": 7, "file_name": "a.jpg", "height": height, "width": width}
    record = CocoObjects(instances(folder / "c.json", [{"bbox": [0, 0, 5, 5]}], [image]), str(folder))[0]
    if whole:
        assert record.pixels.shape == (10, 20, 3)
        return
    with pytest.raises(BrokenRecord, match="of another shape: 20 x 10, and this one is 10 x 20") as caught:
        _ = record.pixels
    assert caught.value.reason == "its annotation is of a picture of another shape"


def test_names_that_repeat_and_files_of_several_ids_are_remarked(folder):
    images = [{"id": i, "file_name": name, "height": 10, "width": 20} for i, name in enumerate(("a.jpg", "b.jpg") * 2)]
    names = [{"id": i, "name": name} for i, name in enumerate(("Mouse", "dog", "mouse"))]
    path = instances(folder / "c.json", [{"bbox": [0, 0, 1, 1], "image_id": True}], images[:3], categories=names)
    of_images, of_things, of_categories = CocoObjects(path, str(folder)).account()
    assert of_images.remarks["another id has the same file"] == Named(2, ("id 0 (a.jpg)", "id 2 (a.jpg)"))
    assert of_things.passed_over == {"its image_id is of no image in the file": Named(1, ("image_id True",))}
    repeats = {"it shares its name, up to case, with another category": Named(2, ("Mouse", "mouse"))}
    assert (of_categories.unit, of_categories.remarks) == ("categories", repeats)
