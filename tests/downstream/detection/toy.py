"""A training of mmengine's that takes no time: a line through drawn points, with draws in data and model."""

import numpy as np
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, MODELS
from mmengine.runner import Runner
from torch.utils.data import Dataset

import tandemclip.downstream.detection.register  # noqa: F401


@DATASETS.register_module(force=True)
class DrawnPoints(Dataset):
    metainfo = {"classes": ("one", "two"), "means": np.array([1.5, 2.5]), "count": np.int64(2)}

    def __len__(self):
        return 12

    def __getitem__(self, index):
        return index, np.random.uniform(size=3).astype(np.float32)  # as mmcv's transforms draw


@MODELS.register_module(force=True)
class NoisyLine(BaseModel):
    def __init__(self):
        super().__init__()
        self.line = torch.nn.Linear(3, 1)
        self.norm = torch.nn.BatchNorm1d(1)

    def forward(self, index, x, mode):
        noise = torch.rand(len(x), 1)  # as mmdet's samplers draw
        return {"loss": (self.norm(self.line(x)) * noise + self.line(x) - index[:, None]).square().mean()}


def configuration(work_dir, train, hooks=("PlainCheckpoints", "KeyedRandomness"), workers=0, **more):
    """train: `train_cfg`; a checkpoint after every 3 iterations or every epoch, as it says."""
    by_epoch = train["type"] == "EpochBasedTrainLoop"
    loader = dict(
        batch_size=4,
        num_workers=workers,
        collate_fn=dict(type="default_collate"),
        dataset=dict(type="mmengine.DrawnPoints"),
        sampler=dict(type="DefaultSampler" if by_epoch else "InfiniteSampler", shuffle=True),
    )
    return Config(
        dict(
            default_scope="mmdet",
            model=dict(type="mmengine.NoisyLine"),
            train_dataloader=loader,
            train_cfg=train,
            optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.01, momentum=0.9)),
            param_scheduler=dict(type="MultiStepLR", milestones=[1, 2], by_epoch=False),
            default_hooks=dict(
                checkpoint=dict(type="CheckpointHook", by_epoch=by_epoch, interval=1 if by_epoch else 3),
                logger=dict(type="LoggerHook", interval=1),
            ),
            custom_hooks=[dict(type=hook) for hook in hooks],
            log_processor=dict(by_epoch=by_epoch),
            log_level="WARNING",
            randomness=dict(seed=5),
            work_dir=str(work_dir),
            experiment_name=str(work_dir).replace("/", "_"),
            **more,
        )
    )


def trained(*args, **keywords):
    """The Runner after its training."""
    runner = Runner.from_cfg(configuration(*args, **keywords))
    runner.train()
    return runner
