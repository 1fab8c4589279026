"""A data set's file becomes sources, with its mistakes told at once, and what differs from the official archive."""

from pathlib import Path
from shutil import rmtree

import pytest
from PIL import Image

from tandemclip.core.config import shipped
from tandemclip.core.config.yaml_text import merge
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.linear_probe import LinearProbe
from tandemclip.core.evaluation.protocols.zero_shot import ZeroShot
from tandemclip.core.evaluation.suites.data_set import Images, for_training, read_data_set

FILE = """\
title: Two colours
metric: top1
origin: drawn by a test
images: {source: 4, learn: 2}
source: {type: class_folder, path: $DATA/test, templates: ["$DATA of {}", "{}"]}
learn: {type: class_folder, path: $DATA/train}
"""


@pytest.fixture
def colours(tmp_path):
    """-> (the data set's file, where its data lie)"""
    for split, count in (("test", 1), ("train", 1)):
        for name in ("blue", "red"):
            for number in range(count):
                file = tmp_path / "data" / split / name / f"{number}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (4, 4), name).save(file)
    (tmp_path / "colours.yaml").write_text(FILE)
    return str(tmp_path / "colours.yaml"), tmp_path / "data"


def test_paths_are_led_to_the_data_and_other_texts_are_left_alone(colours):
    file, data = colours
    found = read_data_set(file, str(data))
    assert found.source.path == f"{data}/test" and found.source.templates == ("$DATA of {}", "{}")
    assert {role: len(source) for role, source in found.roles.items()} == {"source": 2, "learn": 2}
    assert found.images == Images(4, 2) and found.metric == "top1"


def test_another_number_of_images_is_told_and_an_equal_one_is_not(colours):
    found = read_data_set(colours[0], str(colours[1]))
    probe = LinearProbe(found.source, found.learn)
    assert found.remarks(probe) == ("source of Two colours has 2 images, and the official archive 4",)
    Path(colours[0]).write_text(FILE.replace("{source: 4, learn: 2}", "{source: 2}").replace("Two colours", "$DATA"))
    found = read_data_set(colours[0], str(colours[1]))
    assert not found.remarks(LinearProbe(found.source, found.learn)) and found.title == "$DATA"


def test_what_a_protocol_does_not_read_need_not_be_there(colours):
    found = read_data_set(colours[0], str(colours[1]))
    rmtree(colours[1] / "train")
    told = ("source of Two colours has 2 images, and the official archive 4",)
    assert found.remarks(ZeroShot(found.source)) == told
    assert found.remarks(LinearProbe(found.source, learn=found.source)) == told  # by an option
    with pytest.raises(UserError, match="train is no folder"):
        found.remarks(LinearProbe(found.source, found.learn))


def test_all_mistakes_are_told_at_once_with_the_set_s_name(colours):
    text = FILE.replace("top1", "top3").replace("origin: ", "from: ").replace("path: $DATA/test, ", "")
    Path(colours[0]).write_text(text)
    with pytest.raises(UserError) as raised:
        read_data_set(colours[0], "/data")
    told = "\n".join(raised.value.lines)
    assert len(raised.value.lines) >= 3 and "sets/colours.metric is 'top3', expected one of top1" in told
    assert "unknown key 'from'" in told and "--set" not in told
    assert "sets/colours.source.path is missing; ClassFolder needs it: add it to the config" in told


def test_nothing_is_read_of_data_that_are_not_there():
    for name in shipped.data_sets():
        found = read_data_set(name, "/nowhere")
        assert found.title and found.roles["source"] is found.source, name


def test_a_run_learns_from_learn_and_is_evaluated_on_source(colours):
    """In place of whatever stood there."""
    file, data = colours
    mapping = {"data": {"train": {"type": "scenes", "size": 32}, "evaluate": {"type": "scenes"}, "workers": 0}}
    assert merge(mapping, for_training(file, str(data))) == {
        "data": {
            "train": {"type": "class_folder", "path": f"{data}/train"},
            "evaluate": {"type": "class_folder", "path": f"{data}/test", "templates": ["$DATA of {}", "{}"]},
            "workers": 0,
        }
    }


def test_a_set_that_nothing_is_learned_from_trains_nothing(tmp_path):
    (tmp_path / "asked.yaml").write_text("".join(FILE.splitlines(True)[:-1]))
    with pytest.raises(UserError, match="has source alone, and a run learns from `learn`"):
        for_training(str(tmp_path / "asked.yaml"), "data")
