"""As coco_mask_rcnn_r50_c4, without masks."""

_base_ = ["base/faster_rcnn_c4.py", "base/coco_short_side.py", "base/sgd.py"]

val_evaluator = dict(metric="bbox")
test_evaluator = dict(metric="bbox")
