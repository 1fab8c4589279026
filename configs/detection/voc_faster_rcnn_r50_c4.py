"""PyramidCLIP's transfer to PASCAL VOC (4.5, B.2), from random weights: Faster R-CNN, 24k iterations of 40 pictures."""

_base_ = ["base/faster_rcnn_c4.py", "base/voc.py", "base/sgd.py"]

model = dict(roi_head=dict(bbox_head=dict(num_classes=20)))
train_cfg = dict(max_iters=24000, val_interval=6000)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=100),
    dict(type="MultiStepLR", by_epoch=False, begin=0, end=24000, milestones=[18000, 22000], gamma=0.1),
]
default_hooks = dict(checkpoint=dict(interval=2000))
