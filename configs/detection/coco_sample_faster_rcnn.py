"""Faster R-CNN on 128 photos of COCO: shows that all of it works, in minutes on a CPU."""

_base_ = ["base/small_faster_rcnn.py", "base/coco_sample.py", "base/short.py"]

val_evaluator = dict(metric="bbox")
test_evaluator = dict(metric="bbox")
