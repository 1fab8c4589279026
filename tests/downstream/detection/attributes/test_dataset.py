"""COCO's json with attributes: each box keeps its own, whatever CocoDataset leaves out, all the way to the detector."""

import json

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope

from tandemclip.core.errors import UserError
from tandemclip.downstream.detection.attributes.dataset import ObjectAttributeDataset
from tandemclip.downstream.detection.attributes.metric import AttributesRight
from tandemclip.tests.downstream.detection.attributes.small import write_scenes


def annotation(number, box, category, attributes=None, **more):
    found = {"id": number, "image_id": 7, "bbox": box, "area": box[2] * box[3], "category_id": category, "iscrowd": 0}
    return {**found, **({} if attributes is None else {"attributes": attributes}), **more}


# Ids neither from 1 nor in order, as in COCO.
CONTENT = {
    "images": [{"id": 7, "file_name": "a.png", "width": 40, "height": 30}],
    "categories": [{"id": 5, "name": "dog"}, {"id": 2, "name": "cat"}],
    "attributes": [{"id": 9, "name": "red"}, {"id": 1, "name": "big"}, {"id": 4, "name": "old"}],
    "annotations": [
        annotation(1, [2, 3, 10, 12], 2, ["old", "red"]),
        annotation(2, [1, 1, 0.5, 9], 5, ["big"]),  # narrower than a pixel: left out
        annotation(3, [5, 5, 20, 20], 5, ["red"], iscrowd=1),
        annotation(4, [20, 4, 12, 20], 5, ["big"]),
        annotation(5, [0, 0, 40, 30], 2),
    ],
}


@pytest.fixture
def folder(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8))
    return tmp_path


def opened(folder, content=CONTENT, **given):
    init_default_scope("mmdet")  # as a Runner does
    (folder / "a.json").write_text(json.dumps(content))
    given = {"pipeline": [], "data_prefix": dict(img=str(folder)), **given}
    return ObjectAttributeDataset(ann_file=str(folder / "a.json"), **given)


def test_every_box_has_its_own_attributes(folder):
    data = opened(folder)
    assert data.metainfo["classes"] == ("dog", "cat") and data.metainfo["attributes"] == ("red", "big", "old")
    found = data.get_data_info(0)
    assert found["attribute_count"] == 3
    assert [(thing["bbox"], thing["bbox_label"], thing["attribute_labels"]) for thing in found["instances"]] == [
        ([2, 3, 12, 15], 1, [0, 2]),
        ([5, 5, 25, 25], 0, [0]),
        ([20, 4, 32, 24], 0, [1]),
        ([0, 0, 40, 30], 1, []),
    ]


def test_the_detector_gets_them_without_those_of_crowds(folder):
    steps = [
        dict(type="LoadImageFromFile"),
        dict(type="LoadObjectAttributes", with_bbox=True),
        dict(type="Resize", scale=(80, 60)),
        dict(type="RandomFlip", prob=1.0),
        dict(type="PackObjectAttributes", meta_keys=("img_shape",)),
    ]
    truth = opened(folder, pipeline=steps)[0]["data_samples"]
    torch.testing.assert_close(truth.gt_instances.bboxes.tensor[0], torch.tensor([56.0, 6, 76, 30]))
    assert truth.gt_instances.attributes.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]
    assert truth.ignored_instances.attributes.tolist() == [[1, 0, 0]]


def test_names_of_metainfo_stand_in_place_of_the_files(folder):
    names = ("new", "old", "red", "big")
    data = opened(folder, metainfo=dict(attributes=names))
    assert data.metainfo["attributes"] == names
    assert [thing["attribute_labels"] for thing in data.get_data_info(0)["instances"]] == [[1, 2], [2], [3], []]
    with pytest.raises(UserError, match="metainfo's classes are cat, dog; leave classes out"):
        opened(folder, metainfo=dict(classes=("cat", "dog")))


def test_files_that_are_not_so_are_refused_in_one_line(folder):
    other = {**CONTENT, "annotations": [annotation(8, [2, 3, 10, 12], 2, ["blue"])]}
    with pytest.raises(UserError, match="annotation 8 has the attribute 'blue', which is not listed"):
        opened(folder, other)
    with pytest.raises(UserError, match="is no COCO file with attributes"):
        opened(folder, {key: value for key, value in CONTENT.items() if key != "attributes"})
    with pytest.raises(UserError, match="cannot be read"):
        ObjectAttributeDataset(ann_file=str(folder / "b.json"), pipeline=[])


def test_it_reads_what_prepare_writes(tmp_path):
    write_scenes(tmp_path / "scenes")
    file = tmp_path / "scenes" / "annotations" / "instances_train.json"
    data = ObjectAttributeDataset(ann_file=str(file), data_prefix=dict(img=""), pipeline=[])
    assert data.metainfo["classes"][:2] == ("zero", "one") and len(data) == 6
    assert set(data.metainfo["attributes"]) <= {"red", "green", "blue", "yellow"}
    found = [thing for i in range(len(data)) for thing in data.get_data_info(i)["instances"]]
    assert len(found) >= 6 and all(len(thing["attribute_labels"]) == 1 for thing in found)


# ------------------------------------------------------------------ how many are right
def pictures(*rows):
    """rows: for each picture [(attributes, probabilities) of each box]"""
    return [
        {
            "gt_instances": {
                "attributes": torch.tensor([given for given, _ in boxes], dtype=torch.uint8).reshape(len(boxes), 4),
                "attribute_probabilities": torch.tensor([p for _, p in boxes]).reshape(len(boxes), 4),
            }
        }
        for boxes in rows
    ]


def test_an_object_with_k_attributes_is_asked_for_k():
    metric = AttributesRight()
    several = [
        ([1, 0, 1, 0], [0.2, 0.5, 0.3, 0.0]),
        ([0, 0, 0, 0], [0.9, 0, 0, 0]),
        ([0, 0, 0, 1], [0, 0, 0, 0.01]),
        ([0, 1, 0, 0], [0.8, 0.1, 0, 0]),
    ]
    metric.process({}, pictures(several, [([1, 1, 1, 1], [0.1, 0.2, 0.3, 0.4])], []))
    found = metric.evaluate(size=3)
    assert found["attributes/boxes"] == 4  # of three pictures
    assert found["attributes/right"] == pytest.approx(100 * (1 + 1 + 0 + 4) / 8)  # of eight that the boxes have


def test_without_attributes_there_is_no_figure():
    metric = AttributesRight()
    metric.process({}, pictures([([0, 0, 0, 0], [0.5, 0.5, 0, 0])]))
    with pytest.raises(UserError, match="no annotated box has an attribute"):
        metric.evaluate(size=1)
