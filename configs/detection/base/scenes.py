"""The built-in scenes of 128 pixels that docs/detection.md prepares: ten digits, not flipped."""

_base_ = "coco_sample.py"

data_root = "data/scenes_detection/"
classes = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
images = dict(data_root=data_root, metainfo=dict(classes=classes))
size = dict(type="Resize", scale=(128, 128), keep_ratio=True)

train_dataloader = dict(
    batch_size=8,
    dataset=dict(
        pipeline=[
            dict(type="LoadImageFromFile"),
            dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
            size,
            dict(type="PackDetInputs"),
        ],
        **images,
    ),
)
val_dataloader = dict(
    dataset=dict(
        ann_file="annotations/instances_test.json",
        pipeline=[
            dict(type="LoadImageFromFile"),
            size,
            dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
            dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")),
        ],
        **images,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=f"{data_root}annotations/instances_test.json")
test_evaluator = val_evaluator
