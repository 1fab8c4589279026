"""PyramidCLIP, table 14, row 4: and regions with their descriptions."""

_base_ = "../voc_faster_rcnn_r50_c4.py"

start = dict(tower=None, checkpoint="runs/peer_ra_rn50")
model = dict(backbone=start, roi_head=dict(shared_head=start))
