"""A source ends where it says: Python's own loops rely on it, and a negative number names no record."""

import json

import pytest

from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.captions_table import CaptionsTable
from tandemclip.core.data.sources.class_folder import ClassFolder
from tandemclip.core.data.sources.coco_captions import CocoCaptions
from tandemclip.core.data.sources.coco_objects import CocoObjects
from tandemclip.core.data.sources.first import First
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.data.sources.together import Together
from tandemclip.tests.core.data.conftest import jpeg

IMAGES = [{"id": number, "file_name": f"{number}.jpg", "height": 20, "width": 30} for number in (1, 2, 3)]
COCO = {"images": IMAGES, "categories": [], "annotations": []}
CAPTIONS = {"images": IMAGES, "annotations": [{"image_id": number, "caption": "x"} for number in (1, 2, 3)]}


@pytest.fixture
def sources(tmp_path, write_shards):
    """Three records each."""
    (tmp_path / "class").mkdir()
    for image in IMAGES:
        (tmp_path / "class" / image["file_name"]).write_bytes(jpeg(0))
    (tmp_path / "t.csv").write_text("path,caption\n" + "".join(f"{image['file_name']},x\n" for image in IMAGES))
    (tmp_path / "objects.json").write_text(json.dumps(COCO))
    (tmp_path / "captions.json").write_text(json.dumps(CAPTIONS))
    path, pictures = str(tmp_path), str(tmp_path / "class")
    shards = Shards(write_shards(tmp_path / "shards", 3, 2))
    return [
        CaptionsTable(f"{path}/t.csv", pictures), ClassFolder(path), CocoCaptions(f"{path}/captions.json", pictures),
        CocoObjects(f"{path}/objects.json", pictures), shards, First(shards, 3), Scenes(count=3),
        Together((Scenes(count=1), Scenes(count=2))),
    ]  # fmt: skip


def test_a_source_ends_where_it_says(sources):
    for source in sources:
        assert len(source) == 3 and [source[number] for number in range(3)], source
        for number in (-1, 3):
            with pytest.raises(IndexError):
                source[number]
