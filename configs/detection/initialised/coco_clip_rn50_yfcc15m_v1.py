"""PyramidCLIP, the table of appendix C, on COCO: CLIP of YFCC15M-V1."""

_base_ = "../coco_mask_rcnn_r50_c4.py"

start = dict(tower=None, checkpoint="runs/clip_rn50_yfcc15m_v1")
model = dict(backbone=start, roi_head=dict(shared_head=start))
