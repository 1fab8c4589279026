"""Keys follow content: what decides a result changes them, and where something lies does not."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.class_folder import ClassFolder
from tandemclip.core.data.sources.first import First
from tandemclip.core.evaluation.protocols.linear_probe import LinearProbe
from tandemclip.core.evaluation.protocols.zero_shot import ZeroShot
from tandemclip.core.evaluation.suites import keys
from tandemclip.core.training.checkpoint import Checkpoint

SCENES = Scenes(size=32, count=9)
STATE = {"config": {"method": {"type": "clip"}}, "tokenizer": {"words": ["a"]}, "class_names": ["x"], "step": 5}
SAVED = Checkpoint({"b": np.ones(3, np.float32), "a": np.zeros((2, 2), np.float32)}, {}, STATE, None)


def folder(path, bytes_=b"12"):
    (path / "cat").mkdir(parents=True)
    (path / "cat" / "1.png").write_bytes(bytes_)
    return ClassFolder(str(path))


def test_the_place_of_the_data_decides_nothing(tmp_path):
    one, other = folder(tmp_path / "one"), folder(tmp_path / "other")
    assert keys.of_data(one) == keys.of_data(other)
    assert keys.of_data(First(one, 1)) == keys.of_data(First(other, 1)) != keys.of_data(one)
    assert keys.of_data(ZeroShot(one)) == keys.of_data(ZeroShot(other))
    shutil.rmtree(tmp_path / "other")
    assert keys.of_data(one) != keys.of_data(folder(tmp_path / "other", b"123"))


@pytest.mark.parametrize(
    "one, other",
    [
        (SCENES, replace(SCENES, count=10)),
        (First(SCENES, 3), First(SCENES, 4)),
        (ZeroShot(SCENES), SCENES),
        (LinearProbe(SCENES, SCENES), LinearProbe(SCENES, replace(SCENES, seed=1))),
        (LinearProbe(SCENES, replace(SCENES, seed=1)), LinearProbe(replace(SCENES, seed=1), SCENES)),
    ],
)
def test_what_decides_a_result_changes_the_key(one, other):
    assert keys.of_data(one) == keys.of_data(replace(one)) != keys.of_data(other)


def test_weights(tmp_path):
    known = keys.of_weights(SAVED, "torch")
    assert known == keys.of_weights(replace(SAVED, model=dict(reversed(SAVED.model.items()))), "torch")
    assert known == keys.of_weights(replace(SAVED, state=STATE | {"step": 6}, folder=tmp_path), "torch")
    others = [
        replace(SAVED, model=SAVED.model | {"b": np.float32([1, 1, 2])}),
        replace(SAVED, model=SAVED.model | {"a": np.zeros(4, np.float32)}),
        replace(SAVED, optimizer={"ema.b": np.zeros(3, np.float32)}),
        replace(SAVED, state=STATE | {"config": {"method": {"type": "siglip"}}}),
        replace(SAVED, state=STATE | {"tokenizer": None}),
        replace(SAVED, state=STATE | {"class_names": ["y"]}),
    ]
    found = [keys.of_weights(other, "torch") for other in others] + [keys.of_weights(SAVED, "mindspore")]
    assert len({known, *found}) == 1 + len(found)
    assert known == keys.of_weights(replace(SAVED, optimizer={"first.b": np.zeros(3, np.float32)}), "torch")
