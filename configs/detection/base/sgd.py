"""Detectron2's optimiser and the length that COCO is trained for: 90k iterations of 16 pictures ("1x")."""

_base_ = "runtime.py"

train_cfg = dict(type="KeyedTrainLoop", max_iters=90000, val_interval=10000)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.02, momentum=0.9, weight_decay=0.0001))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=1000),
    dict(type="MultiStepLR", by_epoch=False, begin=0, end=90000, milestones=[60000, 80000], gamma=0.1),
]
