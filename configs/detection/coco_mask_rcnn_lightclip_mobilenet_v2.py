"""A tower of LightCLIP's under a feature pyramid, on COCO, from random weights. The paper has no detection: ours."""

_base_ = "coco_mask_rcnn_r50_fpn.py"

model = dict(backbone=dict(tower=dict(type="LightCLIP-MobileNet-V2")), neck=dict(in_channels=[24, 32, 96, 320]))
