"""Visual Genome's official files, as small as they can be: vocabularies, synonyms, and what falls out."""

import json
import logging

import cv2
import numpy as np
import pytest
from mmengine.logging import MMLogger
from mmengine.runner import Runner

from tandemclip.core.errors import UserError
from tandemclip.downstream.detection.attributes.visual_genome import VisualGenomeDataset
from tandemclip.downstream.detection.attributes.vocabulary import open_vocabulary
from tandemclip.tests.downstream.detection.attributes.small import configuration


def thing(number, name, x, y, w, h, **more):
    return {"synsets": [], "object_id": number, "merged_object_ids": [], "names": [name, "further name"]} | dict(
        x=x, y=y, w=w, h=h, **more
    )


OBJECTS = {
    1: [thing(11, "Dog ", 5, 6, 20, 10), thing(12, "puppy", 0, 0, 9, 9), thing(13, "sky", 0, 0, 40, 10)],
    2: [thing(21, "cat", 1, 2, 3, 4), thing(22, "dog", 1, 1, 30, 30), thing(23, "tree.", 2, 2, 5, 5)],
    3: [thing(31, "dog", 3, 3, 4, 4), thing(32, "cat", 3, 3, 0, 4)],  # the last without area
    4: [],
}
ATTRIBUTES = {11: ["Black", "wet"], 12: ["black"], 13: ["blue"], 22: ["gray", "grey", "big"], 31: []}


@pytest.fixture
def genome(tmp_path):
    folder = tmp_path / "vg"
    folder.mkdir()
    described = {
        number: [{**entry, "attributes": ATTRIBUTES[n]} for entry in things if (n := entry["object_id"]) in ATTRIBUTES]
        for number, things in OBJECTS.items()
    }
    images = [
        dict(image_id=i, url=f"https://cs.stanford.edu/people/rak248/VG_100K_{1 + i % 2}/{i}.jpg", width=40, height=50)
        for i in OBJECTS
    ]
    for name, content in (
        ("objects", [dict(image_id=i, objects=things, image_url="") for i, things in OBJECTS.items()]),
        ("attributes", [dict(image_id=i, attributes=things) for i, things in described.items()]),
        ("image_data", [dict(entry, coco_id=None, flickr_id=None) for entry in images]),
    ):
        (folder / f"{name}.json").write_text(json.dumps(content))
    for name, lines in (("object", "dog,puppy\n"), ("attribute", "gray,grey\n")):
        (tmp_path / f"{name}_alias.txt").write_text(lines)
    return tmp_path


def opened(genome, categories=2, attributes=2, **given):
    aliases = dict(
        category_aliases=str(genome / "object_alias.txt"), attribute_aliases=str(genome / "attribute_alias.txt")
    )
    return VisualGenomeDataset(
        data_root=str(genome / "vg"),
        categories=categories,
        attributes=attributes,
        data_prefix=dict(img=""),
        pipeline=[],
        **{"test_mode": True, **aliases, **given},
    )


def content(data):
    """{picture: [(box, category, attributes)]} by name"""
    classes, attributes = data.metainfo["classes"], data.metainfo["attributes"]
    return {
        info["img_id"]: [
            (found["bbox"], classes[found["bbox_label"]], {attributes[label] for label in found["attribute_labels"]})
            for found in info["instances"]
        ]
        for info in map(data.get_data_info, range(len(data)))
    }


def test_the_most_frequent_names_with_their_synonyms(genome, caplog):
    logger = MMLogger.get_instance("visual_genome", logger_name="visual_genome")
    logger.addHandler(caplog.handler)
    with caplog.at_level(logging.INFO):
        data = opened(genome)
    assert data.metainfo["classes"] == ("dog", "cat") and data.metainfo["attributes"] == ("black", "gray")
    assert content(data) == {
        1: [([5, 6, 25, 16], "dog", {"black"}), ([0, 0, 9, 9], "dog", {"black"})],
        2: [([1, 2, 4, 6], "cat", set()), ([1, 1, 31, 31], "dog", {"gray"})],
        3: [([3, 3, 7, 7], "dog", set())],
        4: [],
    }
    assert data.get_data_info(0)["img_path"].endswith("vg/VG_100K_2/1.jpg")
    assert data.get_data_info(0)["height"] == 50
    assert "4 pictures with 5 boxes; 1 more are narrower than a pixel" in caplog.text
    assert "2 boxes fell out, of 2 names" in caplog.text and "sky (1)" in caplog.text and "tree (1)" in caplog.text
    assert "2 attributes fell out, of 2 names" in caplog.text and "wet (1), big (1)" in caplog.text


def test_without_synonyms_other_names_are_the_most_frequent(genome):
    data = opened(genome, 3, 4, category_aliases=None, attribute_aliases=None)
    assert data.metainfo["classes"] == ("dog", "cat", "puppy")  # of those that occur once by the alphabet
    assert data.metainfo["attributes"] == ("black", "big", "blue", "gray")


def test_names_of_a_file_and_those_of_a_split(genome):
    (genome / "objects_vocab.txt").write_text("tree\nCat\n\npet,dog\n")
    (genome / "attributes_vocab.txt").write_text("gray\nblack\n")
    (genome / "train.txt").write_text("VG_100K/2.jpg VG_100K/2.xml\n3\n")
    files = [str(genome / f"{kind}_vocab.txt") for kind in ("objects", "attributes")]
    data = opened(genome, *files, images=str(genome / "train.txt"), category_aliases=None)
    assert data.metainfo["classes"] == ("tree", "cat", "pet") and data.metainfo["attributes"] == ("gray", "black")
    assert content(data) == {
        2: [([1, 2, 4, 6], "cat", set()), ([1, 1, 31, 31], "pet", {"gray"}), ([2, 2, 7, 7], "tree", set())],
        3: [([3, 3, 7, 7], "pet", set())],
    }
    (genome / "train.txt").write_text("2\n99\n")
    with pytest.raises(UserError, match="lists 1 pictures that .* does not have, e.g. 99"):
        opened(genome, images=str(genome / "train.txt"))
    (genome / "train.txt").write_text("dogs\n")
    with pytest.raises(UserError, match="is no list of pictures"):
        opened(genome, images=str(genome / "train.txt"))


def test_pictures_without_a_box_are_left_out_in_training_if_asked(genome):
    data = opened(genome, test_mode=False, filter_cfg=dict(filter_empty_gt=True))
    assert list(content(data)) == [1, 2, 3]


def test_a_detector_is_measured_on_them(root, genome, tmp_path):
    """Without a file of COCO's: the truth is what the data set read, as in the configuration with VinVL's words."""
    for i in OBJECTS:
        (genome / "vg" / f"VG_100K_{1 + i % 2}").mkdir(exist_ok=True)
        noise = np.random.default_rng(i).integers(0, 255, (50, 40, 3), np.uint8)
        cv2.imwrite(str(genome / "vg" / f"VG_100K_{1 + i % 2}" / f"{i}.jpg"), noise)
    config = configuration(root, work_dir=tmp_path / "run")
    heads = dict(bbox_head=dict(num_classes=2), attribute_head=dict(num_classes=2, num_attributes=2))
    config.merge_from_dict(dict(model=dict(roi_head=heads)))
    pipeline = config.test_dataloader.dataset.pipeline
    pipeline[-1].meta_keys = (*pipeline[-1].meta_keys, "instances")
    config.test_dataloader.dataset = dict(
        type="VisualGenomeDataset",
        data_root=str(genome / "vg"),
        data_prefix=dict(img=""),
        categories=2,
        attributes=2,
        category_aliases=str(genome / "object_alias.txt"),
        attribute_aliases=str(genome / "attribute_alias.txt"),
        test_mode=True,
        pipeline=pipeline,
    )
    config.test_evaluator = [dict(type="CocoMetric", metric="bbox"), dict(type="AttributesRight")]
    found = Runner.from_cfg(config).test()
    assert found["attributes/boxes"] == 3 and 0 <= found["coco/bbox_mAP_50"] <= 1


def test_vinvls_vocabulary(tmp_path):
    path = tmp_path / "VG-SGG-dicts-vgoi6-clipped.json"
    path.write_text(json.dumps({"label_to_idx": {"cat": 2, "dog": 1}, "attribute_to_idx": {"red": 1, "dark red": 2}}))
    assert open_vocabulary(str(path), "label", [], None).names == ("dog", "cat")
    found = open_vocabulary(str(path), "attribute", [], None)
    assert [found.number(name) for name in ("Dark  Red", "red", "blue")] == [1, 0, None]
    path.write_text(json.dumps({"label_to_idx": {"cat": 0}}))
    for kind in ("label", "attribute"):
        with pytest.raises(UserError, match="give VinVL's json or a text file"):
            open_vocabulary(str(path), kind, [], None)


def test_what_is_asked_for_and_not_there_is_said(genome):
    with pytest.raises(UserError, match="the annotations have 4 different labels, and 5 are asked for"):
        opened(genome, 5)
    with pytest.raises(UserError, match="cannot be read"):
        opened(genome, str(genome / "none.txt"))
    (genome / "vg" / "attributes.json").write_text("[{}]")
    with pytest.raises(UserError, match="attributes.json is not as published"):
        opened(genome)
    (genome / "vg" / "objects.json").unlink()
    with pytest.raises(UserError, match="objects.json cannot be read"):
        opened(genome)


@pytest.mark.parametrize("file", ["objects", "attributes", "image_data"])
def test_a_picture_that_stands_twice_is_an_error(genome, file):
    path = genome / "vg" / f"{file}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) * 2))
    with pytest.raises(UserError, match=f"{file}.json has several entries for 4 pictures, e.g. image_id 1"):
        opened(genome)


def test_files_of_names_are_utf8_with_or_without_a_mark(genome):
    path = genome / "names.txt"
    path.write_bytes(b"\xef\xbb\xbfDog,puppy\r\ncaf\xc3\xa9\r\n")
    found = open_vocabulary(str(path), "label", (), None)
    assert found.names == ("dog", "café") and found.number("puppy") == 0
    for data in (b"caf\xe9\n", "dog\n".encode("utf-16")):
        path.write_bytes(data)
        with pytest.raises(UserError, match="names.txt cannot be read .line 1 is not UTF-8"):
            open_vocabulary(str(path), "label", (), None)
