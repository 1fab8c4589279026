"""What `tools/prepare.py detection` writes of a small sample of COCO, 160 pixels, 4 pictures an iteration."""

_base_ = "coco.py"

data_root = "data/coco_sample/"
images = dict(data_root=data_root, data_prefix=dict(img="VOC2007/JPEGImages/"))
loader = dict(num_workers=0, persistent_workers=False)
size = dict(type="Resize", scale=(160, 160), keep_ratio=True)

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
    size,
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackDetInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    size,
    dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
    dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")),
]
train_dataloader = dict(
    batch_size=4,
    dataset=dict(ann_file="annotations/instances_train.json", pipeline=train_pipeline, **images),
    **loader,
)
val_dataloader = dict(
    dataset=dict(ann_file="annotations/instances_val.json", pipeline=test_pipeline, **images), **loader
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=f"{data_root}annotations/instances_val.json")
test_evaluator = val_evaluator
