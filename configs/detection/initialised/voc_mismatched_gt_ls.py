"""PyramidCLIP, table 15: with GT and LS."""

_base_ = "../voc_faster_rcnn_r50_c4.py"

start = dict(tower=None, checkpoint="runs/mismatched_gt_ls_rn50")
model = dict(backbone=start, roi_head=dict(shared_head=start))
