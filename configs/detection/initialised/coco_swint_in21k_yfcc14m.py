"""UniCL, table 9: UniCL of both."""

_base_ = "../coco_mask_rcnn_swin_t.py"

start = dict(tower=None, checkpoint="runs/swint_in21k_yfcc14m")
model = dict(backbone=start)
