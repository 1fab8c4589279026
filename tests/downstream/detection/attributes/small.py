"""The detector of configs/detection/object_attribute_scenes.py, so small that it is built and run in no time."""

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

import tandemclip.downstream.detection.register  # noqa: F401
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.preparation.detection import write_detection

WIDTH, CHANNELS = 16, 8


def configuration(root, data=None, work_dir=None):
    """data: the folder that `write_scenes` made. 2 iterations of 2 pictures, without a validation in between."""
    config = Config.fromfile(root / "configs" / "detection" / "object_attribute_scenes.py")
    heads = dict(
        bbox_roi_extractor=dict(out_channels=CHANNELS),
        bbox_head=dict(in_channels=CHANNELS, fc_out_channels=WIDTH),
        attribute_head=dict(in_channels=WIDTH, embedding_channels=4, hidden_channels=8),
    )
    small = dict(
        backbone=dict(base_channels=4),
        neck=dict(in_channels=[8, 16, 32], out_channels=CHANNELS),
        rpn_head=dict(in_channels=CHANNELS, feat_channels=CHANNELS),
        roi_head=heads,
        test_cfg=dict(rcnn=dict(score_thr=0.01)),
    )
    config.merge_from_dict(dict(model=small, log_level="WARNING", train_cfg=dict(max_iters=2, val_interval=10)))
    config.merge_from_dict(dict(train_dataloader=dict(batch_size=2), default_hooks=dict(logger=dict(interval=1))))
    if data:
        for loader, split in ((config.train_dataloader, "train"), (config.val_dataloader, "test")):
            loader.dataset.update(data_root=f"{data}/", ann_file=f"annotations/instances_{split}.json")
        config.test_dataloader = config.val_dataloader
        config.val_evaluator[0].ann_file = f"{data}/annotations/instances_test.json"
        config.test_evaluator = config.val_evaluator
    if work_dir:
        config.work_dir, config.experiment_name = str(work_dir), str(work_dir).replace("/", "_")
    init_default_scope("mmdet")
    return config


def write_scenes(folder, count=6):
    splits = {
        "train": Scenes(size=64, count=count, seed=1),
        "test": Scenes(size=64, count=count, seed=1, split="held_out"),
    }
    write_detection(splits, folder, {})
    return folder


def trained(root, folder):
    """-> (the Runner after two iterations, its checkpoint)"""
    runner = Runner.from_cfg(configuration(root, write_scenes(folder / "data"), folder / "run"))
    runner.train()
    return runner, folder / "run" / "iter_2.pth"
