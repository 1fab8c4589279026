"""A training of minutes, for what runs on a CPU. The rate was found on these data."""

_base_ = "sgd.py"

train_cfg = dict(max_iters=200, val_interval=100)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=50),
    dict(type="MultiStepLR", by_epoch=False, begin=0, end=200, milestones=[150], gamma=0.1),
]
default_hooks = dict(checkpoint=dict(interval=100))
