"""UniCL, table 9: CLIP of YFCC14M."""

_base_ = "../coco_mask_rcnn_swin_t.py"

start = dict(tower=None, checkpoint="runs/swint_yfcc14m")
model = dict(backbone=start)
