"""PyramidCLIP, table 13, row 4: and softened targets."""

_base_ = "../voc_faster_rcnn_r50_c4.py"

start = dict(tower=None, checkpoint="runs/components_4_soften_rn50")
model = dict(backbone=start, roi_head=dict(shared_head=start))
