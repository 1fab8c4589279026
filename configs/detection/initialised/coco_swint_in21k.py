"""UniCL, table 9: UniCL of ImageNet-21K."""

_base_ = "../coco_mask_rcnn_swin_t.py"

start = dict(tower=None, checkpoint="runs/swint_in21k")
model = dict(backbone=start)
