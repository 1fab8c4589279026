"""What the command line says beside a detector's configuration."""

import pytest

from tandemclip.core.errors import UserError
from tandemclip.downstream.detection import register  # noqa: F401
from tandemclip.downstream.detection.configured import read

CONFIG = """
data_root = "data/here/"
model = dict(
    backbone=dict(type="TandemBackbone", tower=dict(type="RN50")),
    roi_head=dict(heads=[dict(shared_head=dict(type="TandemSharedHead", tower="RN50"))], width=4),
)
test_dataloader = dict(dataset=dict(data_root=data_root, other="data/heretic/a", pipeline=[dict(path="data/here")]))
test_evaluator = [dict(ann_file=f"{data_root}annotations/a.json", iou_thrs=(0.5, 0.75), size=3)]
"""


@pytest.fixture
def path(tmp_path):
    (tmp_path / "config.py").write_text(CONFIG)
    return tmp_path / "config.py"


def test_data_stand_for_data_root_wherever_it_is(path):
    config = read(path, data="/else/where")
    dataset = config.test_dataloader.dataset
    assert config.data_root == dataset.data_root == "/else/where/" and dataset.pipeline[0].path == "/else/where/"
    assert config.test_evaluator[0].ann_file == "/else/where/annotations/a.json"
    assert dataset.other == "data/heretic/a"  # of another folder
    assert tuple(config.test_evaluator[0].iou_thrs) == (0.5, 0.75) and config.test_evaluator[0].size == 3


def test_towers_begin_from_the_checkpoint(path):
    model = read(path, init="runs/clip").model
    for part in (model.backbone, model.roi_head.heads[0].shared_head):
        assert part.checkpoint == "runs/clip" and part.tower is None


def test_overrides_reach_into_lists(path):
    config = read(path, overrides={"test_evaluator": {"0": {"size": 5}}, "model": {"roi_head": {"new": 1}}})
    assert config.test_evaluator[0].size == 5 and config.model.roi_head == dict(
        heads=config.model.roi_head.heads, width=4, new=1
    )


def test_the_last_word_is_the_overrides(path):
    config = read(path, data="x", init="runs/a", overrides={"model": {"backbone": {"checkpoint": "runs/b"}}})
    assert config.model.backbone.checkpoint == "runs/b"


@pytest.mark.parametrize(
    "given, words",
    [
        (dict(overrides={"tets_evaluator": 1}), "--set tets_evaluator: .*no such key; did you mean test_evaluator?"),
        (dict(overrides={"zzz": 1}), "--set zzz: .*no such key$"),
    ],
)
def test_a_key_that_nothing_reads_is_refused(path, given, words):
    with pytest.raises(UserError, match=words):
        read(path, **given)


def test_what_has_no_place_is_refused(tmp_path):
    with pytest.raises(UserError, match="absent.py is not there"):
        read(tmp_path / "absent.py")
    (tmp_path / "empty.py").write_text('model = dict(type="X")\n')
    with pytest.raises(UserError, match="has no data_root that it could stand for"):
        read(tmp_path / "empty.py", data="x")
    with pytest.raises(UserError, match="has no TandemBackbone or TandemSharedHead that could begin from it"):
        read(tmp_path / "empty.py", init="x")
