"""The object-attribute detector on the built-in scenes: minutes on two cores. The data, and the training:

    tandemclip prepare detection --out data/scenes_objects \\
        --split train scenes size=128 count=3000 seed=1 --split test scenes size=128 count=500 seed=1 split=held_out
    tandemclip detect train --config object_attribute_scenes --out runs/scenes_detector
"""

_base_ = ["mmdet::_base_/models/faster-rcnn_r50_fpn.py", "base/runtime.py"]

data_root = "data/scenes_objects/"
digits, colors = 10, 4
channels, hidden = 64, 256
strides = [8, 16, 32]  # digits are 64 pixels and larger

model = dict(
    backbone=dict(
        depth=18,
        base_channels=32,
        out_indices=(1, 2, 3),
        frozen_stages=-1,  # all is trained from the start
        norm_eval=False,
        init_cfg=None,
    ),
    neck=dict(in_channels=[64, 128, 256], out_channels=channels, num_outs=3),
    rpn_head=dict(
        in_channels=channels,
        feat_channels=channels,
        anchor_generator=dict(scales=[4], ratios=[1.0], strides=strides),
    ),
    roi_head=dict(
        type="AttributeRoIHead",
        feature="fully_connected",
        bbox_roi_extractor=dict(out_channels=channels, featmap_strides=strides),
        bbox_head=dict(in_channels=channels, fc_out_channels=hidden, num_classes=digits),
        attribute_head=dict(
            type="AttributeHead",
            in_channels=hidden,
            num_classes=digits,
            num_attributes=colors,
            embedding_channels=32,
            hidden_channels=64,
            loss_weight=0.5,
        ),
    ),
    train_cfg=dict(
        rpn=dict(sampler=dict(num=64)),
        rpn_proposal=dict(nms_pre=200, max_per_img=100),
        rcnn=dict(sampler=dict(num=32, pos_fraction=0.5)),
    ),
    test_cfg=dict(
        rpn=dict(nms_pre=200, max_per_img=50),
        # One box, one object: PyramidCLIP should not read two names of the same thing.
        rcnn=dict(nms=dict(class_agnostic=True), max_per_img=20),
    ),
)

load = dict(type="LoadImageFromFile", backend_args=None)
resize = dict(type="Resize", scale=(128, 128), keep_ratio=True)
annotations = dict(type="LoadObjectAttributes", with_bbox=True)
pack = dict(type="PackObjectAttributes", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor"))
files = dict(type="ObjectAttributeDataset", data_root=data_root, data_prefix=dict(img="VOC2007/JPEGImages/"))
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(ann_file="annotations/instances_train.json", pipeline=[load, annotations, resize, pack], **files),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        ann_file="annotations/instances_test.json", test_mode=True, pipeline=[load, resize, annotations, pack], **files
    ),
)
test_dataloader = val_dataloader
val_evaluator = [
    dict(type="CocoFigures", ann_file=f"{data_root}annotations/instances_test.json", metric="bbox"),
    dict(type="AttributesRight"),
]
test_evaluator = val_evaluator

iterations = 1200
train_cfg = dict(type="KeyedTrainLoop", max_iters=iterations, val_interval=400)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1e-3, weight_decay=0.05),
    clip_grad=dict(max_norm=10, norm_type=2),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(type="CosineAnnealingLR", T_max=iterations - 100, begin=100, end=iterations, by_epoch=False),
]
default_hooks = dict(checkpoint=dict(interval=400))
