"""A detector's checkpoint is enough to use it: the pre-trained one that its tower began from may be gone."""

import shutil

import pytest
import torch
from mmengine.config import Config

from tandemclip.core.errors import UserError
from tandemclip.downstream.detection import own_towers
from tandemclip.downstream.detection.backbone import TandemBackbone, TandemSharedHead
from tandemclip.tests.downstream.detection.towers import TOWERS, saved
from tandemclip.tools import detect

SHORT = ["train_dataloader.batch_size=2", "train_cfg.max_iters=1", "default_hooks.checkpoint.interval=1"]
NECK = "model.neck.in_channels=[32, 64, 128, 256]"  # what the small tower gives


@pytest.fixture(scope="module")
def arguments(root, scenes):
    return ["--config", str(root / "configs" / "detection" / "scenes_faster_rcnn.py"), "--data", str(scenes)]


def test_a_detector_is_tested_and_shown_without_it(arguments, tmp_path, capsys):
    begun, run = saved(tmp_path / "clip", "modified_resnet"), tmp_path / "run"
    assert detect.main(["train", *arguments, "--out", str(run), "--init", str(begun), "--set", *SHORT, NECK]) == 0
    its_own = ["--config", str(run / "scenes_faster_rcnn.py"), *arguments[2:], "--checkpoint", str(run)]
    assert Config.fromfile(its_own[1]).model.backbone.checkpoint == str(begun)
    figures = [detect.main(["test", *its_own, "--out", str(tmp_path / "1")]), (tmp_path / "1" / "figures.json")]
    shutil.rmtree(begun)
    assert detect.main(["test", *its_own, "--out", str(tmp_path / "2")]) == 0
    assert figures[0] == 0 and figures[1].read_text() == (tmp_path / "2" / "figures.json").read_text()
    assert detect.main(["show", *its_own, "--out", str(tmp_path / "3"), "--count", "1"]) == 0
    capsys.readouterr()
    assert detect.main(["train", *arguments, "--out", str(tmp_path / "4"), "--init", str(begun)]) == 2
    assert "holds no whole checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize("kind, part", [(TandemBackbone, "backbone"), (TandemSharedHead, "shared_head")])
def test_the_definition_is_the_checkpoints_or_the_configurations(tmp_path, kind, part):
    for tower in (dict(checkpoint=saved(tmp_path / part, "resnet")), dict(tower=TOWERS["resnet"])):
        model = torch.nn.ModuleDict({part: kind(**tower)})
        assert own_towers.definitions(model) == {part: TOWERS["resnet"]}
        again = kind(tower=own_towers.definitions(model)[part])
        assert {name: x.shape for name, x in again.state_dict().items()} == {
            name: x.shape for name, x in model[part].state_dict().items()
        }


def config(**backbone):
    head = dict(type="TandemSharedHead", checkpoint="gone", tower=None)
    return Config(dict(model=dict(backbone=backbone, roi_head=dict(shared_head=head))))


def test_only_what_names_a_checkpoint_is_changed():
    meta = {own_towers.KEY: {"backbone": TOWERS["resnet"], "roi_head.shared_head": TOWERS["resnet"], "other": {}}}
    changed = config(type="TandemBackbone", tower="RN50")
    own_towers.begin_from_nothing(changed, meta, "x.pth")
    assert changed.model.backbone == dict(type="TandemBackbone", tower="RN50")
    head = changed.model.roi_head.shared_head
    assert head.checkpoint is None and head.tower == TOWERS["resnet"]
    before = config(checkpoint="gone")
    own_towers.begin_from_nothing(before, {}, "old.pth")  # of a checkpoint without definitions
    assert before.model == config(checkpoint="gone").model


def test_classes_from_elsewhere_are_not_imported(tmp_path, monkeypatch):
    (tmp_path / "foreign_tower.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(tmp_path)
    meta = {own_towers.KEY: {"backbone": {"type": "foreign_tower:Tower"}}}
    with pytest.raises(UserError, match="towers.backbone of x.pth.type of the checkpoint names foreign_tower:Tower"):
        own_towers.begin_from_nothing(config(checkpoint="gone"), meta, "x.pth")
    assert not (tmp_path / "mark").exists()
