"""PyramidCLIP, the table of appendix C, on VOC: CLIP of LAION15M."""

_base_ = "../voc_faster_rcnn_r50_c4.py"

start = dict(tower=None, checkpoint="runs/clip_rn50_laion15m")
model = dict(backbone=start, roi_head=dict(shared_head=start))
