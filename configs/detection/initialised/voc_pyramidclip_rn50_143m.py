"""PyramidCLIP, the table of 4.5, on VOC: PyramidCLIP of 143M pairs."""

_base_ = "../voc_faster_rcnn_r50_c4.py"

start = dict(tower=None, checkpoint="runs/pyramidclip_rn50_143m")
model = dict(backbone=start, roi_head=dict(shared_head=start))
