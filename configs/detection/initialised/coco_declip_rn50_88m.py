"""PyramidCLIP, the table of 4.5, on COCO: DeCLIP of 88M pairs, its authors' weights."""

_base_ = "../coco_mask_rcnn_r50_c4.py"

start = dict(tower=None, checkpoint="runs/declip_rn50_88m")
model = dict(backbone=start, roi_head=dict(shared_head=start))
