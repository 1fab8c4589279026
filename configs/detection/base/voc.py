"""PASCAL VOC: trainval of 2007 and 2012, the test set of 2007, 40 pictures an iteration on all ranks together.

PyramidCLIP, B.2. The short sides are lost in the paper's text ("randomly sampled from [...] with interval 32"): 400 to
800 is our reading. Figures: voc/ has VOC2007's AP over 11 points of recall, as Detectron2 has it (voc/mAP is the mean
over IoU 0.5 to 0.95, voc/AP50 and voc/AP75 two of them), coco/ has COCO's over 101 points. Neither counts "difficult".
"""

_base_ = "mmdet::_base_/datasets/voc0712.py"

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="RandomChoiceResize", scales=[(1333, short) for short in (*range(400, 800, 32), 800)], keep_ratio=True),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackDetInputs"),
]
year = dict(type="VOCDataset", data_root="data/VOCdevkit/", filter_cfg=dict(filter_empty_gt=True, min_size=32))
train_dataloader = dict(
    batch_size=40,
    num_workers=4,
    sampler=dict(type="InfiniteSampler"),
    dataset=dict(
        _delete_=True,
        type="ConcatDataset",
        ignore_keys=["dataset_type"],  # the two say which year they are
        datasets=[
            dict(
                ann_file="VOC2007/ImageSets/Main/trainval.txt",
                data_prefix=dict(sub_data_root="VOC2007/"),
                pipeline=train_pipeline,
                **year,
            ),
            dict(
                ann_file="VOC2012/ImageSets/Main/trainval.txt",
                data_prefix=dict(sub_data_root="VOC2012/"),
                pipeline=train_pipeline,
                **year,
            ),
        ],
    ),
)

test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=(1333, 800), keep_ratio=True),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(  # "instances": COCO's figures take the truth from there
        type="PackDetInputs",
        meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "instances"),
    ),
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

val_evaluator = [
    dict(
        type="VOCMetric",
        metric="mAP",
        eval_mode="11points",
        iou_thrs=[0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95],
        prefix="voc",
    ),
    dict(type="CocoFigures", metric="bbox", prefix="coco"),
]
test_evaluator = val_evaluator
