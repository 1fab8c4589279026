"""PyramidCLIP, the table of 4.5, on VOC: CLIP of 400M pairs, OpenAI's weights."""

_base_ = "../voc_faster_rcnn_r50_c4.py"

start = dict(tower=None, checkpoint="runs/clip_rn50_400m")
model = dict(backbone=start, roi_head=dict(shared_head=start))
