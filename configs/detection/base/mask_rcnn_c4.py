"""Mask R-CNN on the fourth stage of CLIP's ResNet-50, whose last stage is the head of every region; all of it trains.

mmdet's file has caffe's ResNet in both places, with its own pixel scale.
"""

_base_ = "mmdet::_base_/models/mask-rcnn_r50-caffe-c4.py"

tower = dict(_delete_=True, tower=dict(type="RN50"), norm_eval=False)
model = dict(
    data_preprocessor=dict(  # as the towers were pre-trained
        mean=[255 * mean for mean in (0.48145466, 0.4578275, 0.40821073)],
        std=[255 * std for std in (0.26862954, 0.26130258, 0.27577711)],
        bgr_to_rgb=True,
    ),
    backbone=dict(type="TandemBackbone", out_indices=(2,), frozen_stages=-1, **tower),
    roi_head=dict(shared_head=dict(type="TandemSharedHead", **tower)),
)
