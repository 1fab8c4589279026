"""UniCL's transfer to COCO (C.3), from random weights: Mask R-CNN by "the default settings in Swin Transformer", 1x."""

_base_ = ["base/mask_rcnn_fpn.py", "base/coco.py", "base/adamw.py"]

model = dict(
    data_preprocessor=dict(  # as the towers were pre-trained
        mean=[255 * mean for mean in (0.485, 0.456, 0.406)], std=[255 * std for std in (0.229, 0.224, 0.225)]
    ),
    backbone=dict(tower=dict(type="UniCL-Swin-T")),
    neck=dict(in_channels=[96, 192, 384, 768]),
)
