"""Faster R-CNN on 36 photos of VOC2007 that docs/detection.md prepares: minutes on a CPU."""

_base_ = ["base/small_faster_rcnn.py", "base/voc.py", "base/short.py"]

data_root = "data/voc_sample/"
model = dict(roi_head=dict(bbox_head=dict(num_classes=20)))
loader = dict(num_workers=0, persistent_workers=False)
size = dict(type="Resize", scale=(160, 160), keep_ratio=True)
train_dataloader = dict(
    batch_size=4,
    dataset=dict(
        _delete_=True,
        type="VOCDataset",
        data_root=data_root,
        ann_file="VOC2007/ImageSets/Main/train.txt",
        data_prefix=dict(sub_data_root="VOC2007/"),
        pipeline=[
            dict(type="LoadImageFromFile"),
            dict(type="LoadAnnotations", with_bbox=True),
            size,
            dict(type="RandomFlip", prob=0.5),
            dict(type="PackDetInputs"),
        ],
    ),
    **loader,
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        pipeline=[
            dict(type="LoadImageFromFile"),
            size,
            dict(type="LoadAnnotations", with_bbox=True),
            dict(
                type="PackDetInputs",
                meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "instances"),
            ),
        ],
    ),
    **loader,
)
test_dataloader = val_dataloader
