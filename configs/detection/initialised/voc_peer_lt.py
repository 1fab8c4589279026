"""PyramidCLIP, table 14, row 2: the local view and the caption."""

_base_ = "../voc_faster_rcnn_r50_c4.py"

start = dict(tower=None, checkpoint="runs/peer_lt_rn50")
model = dict(backbone=start, roi_head=dict(shared_head=start))
