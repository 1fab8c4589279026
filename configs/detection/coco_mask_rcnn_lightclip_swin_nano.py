"""LightCLIP's smallest Swin under a feature pyramid, on COCO, from random weights. The paper has no detection: ours."""

_base_ = ["base/mask_rcnn_fpn.py", "base/coco.py", "base/adamw.py"]

model = dict(backbone=dict(tower=dict(type="LightCLIP-Swin-Nano")), neck=dict(in_channels=[48, 96, 192, 384]))
