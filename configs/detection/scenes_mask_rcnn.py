"""Mask R-CNN on the built-in scenes, with the tower of configs/pretrain/scenes_clip.yaml: minutes on two cores."""

_base_ = ["base/small_mask_rcnn.py", "base/scenes.py", "base/short.py"]

model = dict(
    backbone=dict(tower=dict(resolution=48, width=16, heads=8, embed_dim=64)),
    neck=dict(in_channels=[64, 128, 256, 512]),
    roi_head=dict(bbox_head=dict(num_classes=10), mask_head=dict(num_classes=10)),
)
