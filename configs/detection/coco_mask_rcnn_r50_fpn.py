"""As coco_mask_rcnn_r50_c4, with a feature pyramid."""

_base_ = ["base/mask_rcnn_fpn.py", "base/coco_short_side.py", "base/sgd.py"]
