"""The built-in scenes of 128 pixels that docs/detection.md prepares: ten digits, not flipped."""

_base_ = "coco_sample.py"

data_root = "data/scenes_detection/"
classes = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
images = dict(data_root=data_root, metainfo=dict(classes=classes))
size = dict(scale=(128, 128))


def sized(pipeline):
    return [{**step, **size} if step["type"] == "Resize" else step for step in pipeline]


train_pipeline = [step for step in sized(_base_.train_pipeline) if step["type"] != "RandomFlip"]  # noqa: F821
test_pipeline = sized(_base_.test_pipeline)  # noqa: F821
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline, **images))
val_dataloader = dict(
    dataset=dict(ann_file="annotations/instances_test.json", pipeline=test_pipeline, **images),
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=f"{data_root}annotations/instances_test.json")
test_evaluator = val_evaluator
