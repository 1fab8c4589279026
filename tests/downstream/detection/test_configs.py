"""Every R-CNN of configs/detection has a tower of ours, and says what its paper does."""

from pathlib import Path

import pytest
from mmdet.registry import MODELS
from mmdet.utils import register_all_modules
from mmengine.config import Config
from torch import nn

from tandemclip.downstream.detection import register  # noqa: F401
from tandemclip.downstream.detection.backbone import TandemBackbone, TandemSharedHead

FOLDER = Path(__file__).resolve().parents[3] / "configs" / "detection"
FOREIGN = {"clip_rn50_400m", "declip_rn50_88m"}  # what others trained, converted


def built(name):
    config = Config.fromfile(FOLDER / f"{name}.py")
    register_all_modules(init_default_scope=True)
    return config, MODELS.build(config.model)


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*_rcnn*.py")))
def test_it_is_a_detector_that_trains_as_a_whole(name):
    config, model = built(name)
    assert type(model).__name__ == ("MaskRCNN" if "mask" in name else "FasterRCNN")
    assert model.roi_head.with_mask == ("mask" in name) and isinstance(model.backbone, TandemBackbone)
    if model.with_neck:
        assert config.model.neck.in_channels == list(model.backbone.out_channels)
    assert (
        isinstance(model.roi_head.shared_head, TandemSharedHead)
        if "c4" in name
        else not model.roi_head.with_shared_head
    )
    assert all(weight.requires_grad for weight in model.parameters())
    norms = [part for part in model.train().modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    assert all(part.training for part in norms)
    steps = config.param_scheduler[1]
    assert steps.end == config.train_cfg.max_iters > max(steps.milestones)
    masks = [step.get("with_mask", False) for step in config.test_dataloader.dataset.pipeline]
    evaluators = config.test_evaluator if isinstance(config.test_evaluator, list) else [config.test_evaluator]
    asked = [
        metric
        for evaluator in evaluators
        for metric in [evaluator.metric]
        for metric in ([metric] if isinstance(metric, str) else metric)
    ]
    assert ("segm" in asked) == ("mask" in name) and (any(masks) or "mask" not in name)
    assert config.val_evaluator == config.test_evaluator


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_every_training_is_plain_keyed_finite_and_by_iterations(path):
    config = Config.fromfile(path)
    assert [hook.type for hook in config.custom_hooks] == ["PlainCheckpoints", "KeyedRandomness", "FiniteLosses"]
    assert config.train_cfg.type == "KeyedTrainLoop" and config.train_dataloader.sampler.type == "InfiniteSampler"
    counted = [config.default_hooks.checkpoint, config.log_processor, *config.param_scheduler]
    assert not any(part.by_epoch for part in counted)
    assert config.param_scheduler[-1].get("end", config.train_cfg.max_iters) == config.train_cfg.max_iters
    evaluators = config.test_evaluator if isinstance(config.test_evaluator, list) else [config.test_evaluator]
    assert "CocoFigures" in [evaluator.type for evaluator in evaluators]  # AP 0 where nothing is found


def test_scenes_are_loaded_as_the_sample_is_but_not_flipped():
    sample, scenes = (Config.fromfile(FOLDER / f"{name}_mask_rcnn.py") for name in ("coco_sample", "scenes"))
    for loader, flips in (("train_dataloader", True), ("test_dataloader", False)):
        steps = [[step.type for step in config[loader].dataset.pipeline] for config in (sample, scenes)]
        assert [kind for kind in steps[0] if kind != "RandomFlip"] == steps[1] and ("RandomFlip" in steps[0]) == flips
        for config, side in ((sample, 160), (scenes, 128)):
            sizes = [tuple(step.scale) for step in config[loader].dataset.pipeline if step.type == "Resize"]
            assert sizes == [(side, side)]
    digits = scenes.train_dataloader.dataset.metainfo.classes
    assert digits == scenes.test_dataloader.dataset.metainfo.classes and len(digits) == 10


@pytest.mark.parametrize("name, iterations, batch, rate", [("scenes", 1200, 8, 1e-3), ("vinvl", 360000, 16, 0.02)])
def test_object_attribute_detectors_train_as_long_as_they_say(name, iterations, batch, rate):
    config = Config.fromfile(FOLDER / f"object_attribute_{name}.py")
    assert config.train_cfg.max_iters == iterations and config.train_dataloader.batch_size == batch
    assert config.optim_wrapper.optimizer.lr == rate and "auto_scale_lr" not in config


def test_voc_is_trained_and_measured_as_the_paper_says():
    config, _ = built("voc_faster_rcnn_r50_c4")
    assert (config.train_cfg.max_iters, config.train_dataloader.batch_size) == (24000, 40)
    warmup, steps = config.param_scheduler
    assert (config.optim_wrapper.optimizer.lr, warmup.end, steps.milestones) == (0.02, 100, [18000, 22000])
    years = config.train_dataloader.dataset.datasets
    assert [year.ann_file for year in years] == [f"VOC{year}/ImageSets/Main/trainval.txt" for year in (2007, 2012)]
    sides = [scale[1] for scale in years[0].pipeline[2].scales]
    assert sides == [400, 432, 464, 496, 528, 560, 592, 624, 656, 688, 720, 752, 784, 800]
    voc, coco = config.test_evaluator
    assert len(voc.iou_thrs) == 10 and voc.eval_mode == "11points" and (voc.prefix, coco.prefix) == ("voc", "coco")


@pytest.mark.parametrize("path", sorted((FOLDER / "initialised").glob("*.py")), ids=lambda path: path.stem)
def test_an_initialisation_is_another_start_and_nothing_else(path, root):
    said = {}
    exec(path.read_text(), said)
    start, model = said["start"], said["model"]
    assert start.keys() == {"tower", "checkpoint"} and start["tower"] is None  # one of the two is given
    run = start["checkpoint"].removeprefix("runs/")
    assert run in FOREIGN or list((root / "configs" / "pretrain").rglob(f"{run}.yaml"))
    base = (path.parent / said["_base_"]).resolve()
    assert base.exists() and base.parent == FOLDER
    heads = {"roi_head": {"shared_head": start}} if "c4" in base.stem else {}
    assert model == {"backbone": start} | heads  # trap: the last stage of C4 is loaded in a place of its own


def test_an_initialisation_is_merged_into_its_base():
    model = Config.fromfile(FOLDER / "initialised" / "voc_pyramidclip_rn50_143m.py").model
    for part in (model.backbone, model.roi_head.shared_head):
        assert part.tower is None and part.checkpoint == "runs/pyramidclip_rn50_143m" and not part.norm_eval
