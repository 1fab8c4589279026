"""Mask R-CNN on a feature pyramid over all four stages of CLIP's ResNet-50; all of it trains."""

_base_ = "mmdet::_base_/models/mask-rcnn_r50_fpn.py"

model = dict(
    data_preprocessor=dict(  # as the towers were pre-trained
        mean=[255 * mean for mean in (0.48145466, 0.4578275, 0.40821073)],
        std=[255 * std for std in (0.26862954, 0.26130258, 0.27577711)],
    ),
    backbone=dict(
        _delete_=True,
        type="TandemBackbone",
        tower=dict(type="RN50"),
        out_indices=(0, 1, 2, 3),
        frozen_stages=-1,
        norm_eval=False,
    ),
)
