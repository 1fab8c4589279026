"""PyramidCLIP, table 13, row 1: peer-level alignment alone."""

_base_ = "../voc_faster_rcnn_r50_c4.py"

start = dict(tower=None, checkpoint="runs/components_1_peer_rn50")
model = dict(backbone=start, roi_head=dict(shared_head=start))
