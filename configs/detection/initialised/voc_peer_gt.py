"""PyramidCLIP, table 14, row 1: CLIP."""

_base_ = "../voc_faster_rcnn_r50_c4.py"

start = dict(tower=None, checkpoint="runs/peer_gt_rn50")
model = dict(backbone=start, roi_head=dict(shared_head=start))
