"""Faster R-CNN on 128 photos of COCO: shows that all of it works, in minutes on a CPU."""

_base_ = ["base/small_faster_rcnn.py", "base/coco_sample.py", "base/short.py"]

val_evaluator = dict(metric="bbox")
test_evaluator = dict(metric="bbox")

# Without it the loss of a Faster R-CNN from random weights grew without end after 80 iterations.
optim_wrapper = dict(clip_grad=dict(max_norm=10))
