"""PyramidCLIP, the table of 4.5, on VOC: DeCLIP of 88M pairs, its authors' weights."""

_base_ = "../voc_faster_rcnn_r50_c4.py"

start = dict(tower=None, checkpoint="runs/declip_rn50_88m")
model = dict(backbone=start, roi_head=dict(shared_head=start))
