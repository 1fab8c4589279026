"""The object-attribute detector with VinVL's words (arXiv:2101.00529): 1,594 categories and 524 attributes.

For GPUs. data/visual_genome holds objects.json, attributes.json and image_data.json (version 1.4), the pictures in
VG_100K and VG_100K_2, VinVL's vocabulary (VG-SGG-dicts-vgoi6-clipped.json), and train.txt and val.txt, which list
pictures. With `categories=1594` and `attributes=524` in place of the vocabulary it is the most frequent names.

The sampler, the thresholds, and how many boxes are kept at inference are those of VinVL's released configuration. What
differs: a ResNet-101, as in bottom-up attention, for its ResNeXt-152 (mmdet has no fifth stage of that as a shared
head), trained on Visual Genome only, and not on four data sets together first. The schedule is chosen here, and was
never run.
"""

_base_ = ["mmdet::_base_/models/faster-rcnn_r50-caffe-c4.py", "base/runtime.py"]

data_root = "data/visual_genome/"
categories, attributes = 1594, 524
weights = dict(type="Pretrained", checkpoint="torchvision://resnet101")

model = dict(
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True),
    backbone=dict(depth=101, style="pytorch", init_cfg=weights),
    roi_head=dict(
        type="AttributeRoIHead",
        feature="mean",  # 2048 numbers: what PyramidCLIP reads
        shared_head=dict(depth=101, style="pytorch", init_cfg=weights),
        bbox_head=dict(num_classes=categories),
        attribute_head=dict(
            type="AttributeHead",
            in_channels=2048,
            num_classes=categories,
            num_attributes=attributes,
            threshold=0.05,
        ),
    ),
    train_cfg=dict(rcnn=dict(sampler=dict(num=384, pos_fraction=0.5))),
    test_cfg=dict(
        rpn=dict(nms_pre=6000, max_per_img=300),
        # VinVL too lets one box be one object when it extracts.
        rcnn=dict(score_thr=0.2, nms=dict(iou_threshold=0.5, class_agnostic=True), max_per_img=100),
    ),
)

load = dict(type="LoadImageFromFile", backend_args=None)
annotations = dict(type="LoadObjectAttributes", with_bbox=True)
resize = dict(type="Resize", scale=(1000, 600), keep_ratio=True)  # short side 600, at most 1000
meta_keys = ("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "flip", "flip_direction", "instances")
pack = dict(type="PackObjectAttributes", meta_keys=meta_keys)  # CocoFigures takes the truth from "instances"
vocabulary = f"{data_root}VG-SGG-dicts-vgoi6-clipped.json"
files = dict(
    type="VisualGenomeDataset",
    data_root=data_root,
    data_prefix=dict(img=""),
    categories=vocabulary,
    attributes=vocabulary,
)
train_dataloader = dict(
    batch_size=16,  # on all ranks together
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    batch_sampler=dict(type="AspectRatioBatchSampler"),
    dataset=dict(
        images=f"{data_root}train.txt",
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=[load, annotations, resize, dict(type="RandomFlip", prob=0.5), pack],
        **files,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(images=f"{data_root}val.txt", test_mode=True, pipeline=[load, resize, annotations, pack], **files),
)
test_dataloader = val_dataloader
val_evaluator = [dict(type="CocoFigures", metric="bbox"), dict(type="AttributesRight")]
test_evaluator = val_evaluator

iterations = 360000
train_cfg = dict(type="KeyedTrainLoop", max_iters=iterations, val_interval=20000)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=0.02, momentum=0.9, weight_decay=0.0001),
    clip_grad=dict(max_norm=35, norm_type=2),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=1000),
    dict(type="MultiStepLR", milestones=[260000, 350000], gamma=0.1, by_epoch=False),
]
default_hooks = dict(checkpoint=dict(interval=20000))
