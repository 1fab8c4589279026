"""Small enough for a CPU: the tower of configs/pretrain/flickr8k_small_clip.yaml, 64 channels, 64 regions."""

_base_ = "mask_rcnn_fpn.py"

model = dict(
    backbone=dict(
        tower=dict(type="modified_resnet", resolution=64, layers=[1, 1, 1, 1], width=32, heads=16, embed_dim=128)
    ),
    neck=dict(in_channels=[128, 256, 512, 1024], out_channels=64),
    rpn_head=dict(in_channels=64, feat_channels=64),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=64),
        bbox_head=dict(in_channels=64, fc_out_channels=256),
        mask_roi_extractor=dict(out_channels=64),
        mask_head=dict(in_channels=64, conv_out_channels=64),
    ),
    train_cfg=dict(rpn_proposal=dict(nms_pre=500, max_per_img=200), rcnn=dict(sampler=dict(num=64))),
    test_cfg=dict(rpn=dict(nms_pre=500, max_per_img=200)),
)
