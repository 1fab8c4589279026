"""COCO's 2017 split, 16 pictures an iteration on all ranks together, evaluated with COCO's own figures."""

_base_ = "mmdet::_base_/datasets/coco_instance.py"

train_dataloader = dict(batch_size=16, num_workers=4, sampler=dict(type="InfiniteSampler"))
val_evaluator = dict(type="CocoFigures")
test_evaluator = dict(type="CocoFigures")
