"""PyramidCLIP, table 13, row 3: and the local relation."""

_base_ = "../voc_faster_rcnn_r50_c4.py"

start = dict(tower=None, checkpoint="runs/components_3_local_rn50")
model = dict(backbone=start, roi_head=dict(shared_head=start))
