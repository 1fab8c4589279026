"""One line of a configuration is enough for a stock detector, in a process that has no help of the tests'."""

import os
import subprocess
import sys

CONFIG = """
_base_ = "mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py"
custom_imports = dict(imports=["tandemclip.downstream.detection.register"])
model = dict(
    test_cfg=dict(rcnn=dict(score_thr=0.0)),
    backbone=dict(depth=18, base_channels=16, init_cfg=None),
    neck=dict(in_channels=[16, 32, 64, 128], out_channels=16),
    rpn_head=dict(in_channels=16, feat_channels=16),
    roi_head=dict(bbox_roi_extractor=dict(out_channels=16), bbox_head=dict(in_channels=16, fc_out_channels=32)),
)
"""

PROGRAM = """
import sys
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

config = Config.fromfile(sys.argv[1])
init_default_scope("mmdet")
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

torch.manual_seed(0)
detector = MODELS.build(config.model)
size = (96, 128)
shapes = dict(img_shape=size, ori_shape=size, pad_shape=size, batch_input_shape=size)
sample = DetDataSample(metainfo=dict(shapes, scale_factor=(1.0, 1.0)))
boxes = torch.tensor([[10.0, 10, 60, 70], [70, 20, 120, 90]])
sample.gt_instances = InstanceData(bboxes=boxes, labels=torch.tensor([3, 5]))
images = torch.randn(1, 3, *size)
losses = detector.loss(images, [sample])
total = sum(sum(loss) if isinstance(loss, list) else loss for name, loss in losses.items() if "loss" in name)
total.backward()
through_boxes = detector.neck.fpn_convs[0].conv.weight.grad
assert torch.isfinite(total) and through_boxes.any()
found = detector.eval().predict(images, [sample])[0].pred_instances
assert found.bboxes.shape[1] == 4 and len(found)
print("losses:", *sorted(losses))

from tandemclip.tests.downstream.detection.toy import trained

runner = trained(sys.argv[2], dict(type="IterBasedTrainLoop", max_iters=2))
print("iterations:", runner.iter)
"""


def test_a_stock_detector_and_a_runner_work_beside_a_broken_torchvision(tmp_path):
    package = tmp_path / "broken" / "torchvision"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')\n")
    (tmp_path / "config.py").write_text(CONFIG)
    paths = os.pathsep.join([str(package.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "config.py"), str(tmp_path / "run")]
    result = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": paths})
    assert result.returncode == 0, result.stderr[-3000:]
    assert "losses: acc loss_bbox loss_cls loss_rpn_bbox loss_rpn_cls" in result.stdout
    assert "iterations: 2" in result.stdout
    assert "torchvision is taken as not installed" in result.stderr
