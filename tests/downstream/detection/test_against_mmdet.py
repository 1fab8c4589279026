"""One Faster R-CNN on a feature pyramid, once with mmdet's own ResNet-50 and once with ours, from equal weights."""

import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.utils import register_all_modules
from mmengine.config import Config
from mmengine.structures import InstanceData

import tandemclip.downstream.detection.register  # noqa: F401
from tandemclip.core.interop.torchvision import trunk
from tandemclip.core.random import generator

HEIGHT, WIDTH, COUNT = 64, 96, 2  # of the pictures
CLASSES, ITERATIONS, RATE = 3, 20, 0.005
BRANCH = 0.2  # scale of each residual branch: mmdet begins with 0. With 1 the training is chaotic, and grows 1e-16 to 1
THEIRS = dict(type="ResNet", depth=50, style="pytorch", norm_eval=False)
SMALL = 8  # width of the first stage
SIZES = [SMALL, pytest.param(64, marks=pytest.mark.slow)]


def settings(root, width):
    """Our configuration's model with our ResNet-50; all of it is narrower where that is. Samplers are cut for a CPU."""
    model = Config.fromfile(root / "configs" / "detection" / "coco_faster_rcnn_r50_fpn.py").model
    model.backbone.tower = dict(type="resnet", resolution=64, layers=[3, 4, 6, 3], embed_dim=8, width=width)
    channels = 4 * width
    model.neck.update(in_channels=[channels * 2**i for i in range(4)], out_channels=channels)
    model.rpn_head.update(in_channels=channels, feat_channels=channels)
    model.roi_head.bbox_roi_extractor.out_channels = channels
    model.roi_head.bbox_head.update(in_channels=channels, fc_out_channels=16 * width, num_classes=CLASSES)
    model.train_cfg.rpn.sampler.num = 32
    model.train_cfg.rpn_proposal.update(nms_pre=100, max_per_img=50)
    model.train_cfg.rcnn.sampler.num = 16
    return model


def pair(root, width, dtype):
    """-> (the detector with our tower, that with mmdet's), every array equal."""
    register_all_modules(init_default_scope=True)
    config = settings(root, width)
    torch.manual_seed(0)
    ours = MODELS.build(config)
    ours.init_weights()
    for name, weight in ours.named_parameters():
        if name.endswith("expand_norm.weight"):
            weight.data.fill_(BRANCH)
    config.backbone = dict(THEIRS, base_channels=width)
    theirs = MODELS.build(config)
    renamed = {f"backbone.tower.{row.ours}": f"backbone.{row.theirs}" for row in trunk(ours.backbone.tower.spec.tower)}
    weights = {renamed.get(name, name): array.clone() for name, array in ours.state_dict().items()}
    missing, unexpected = theirs.load_state_dict(weights, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing)
    return ours.to(dtype).train(), theirs.to(dtype).train()


def batch(number, dtype):
    draw = generator("pictures of two", number)
    pictures = torch.from_numpy(draw.standard_normal((COUNT, 3, HEIGHT, WIDTH))).to(dtype)
    samples = []
    for i in range(COUNT):
        corners = draw.uniform(0, 0.5, (2, 2)) * [WIDTH, HEIGHT]
        boxes = torch.tensor([[x, y, x + 40, y + 28] for x, y in corners.tolist()], dtype=dtype)
        shape = dict(
            img_shape=(HEIGHT, WIDTH),
            batch_input_shape=(HEIGHT, WIDTH),
            ori_shape=(HEIGHT, WIDTH),
            pad_shape=(HEIGHT, WIDTH),
        )
        truth = InstanceData(bboxes=boxes, labels=torch.tensor([i, 2]))
        samples.append(DetDataSample(metainfo=dict(shape, scale_factor=(1.0, 1.0)), gt_instances=truth))
    return pictures, samples


def losses(model, number, dtype):
    """{name: scalar} of one iteration; what mmdet samples is drawn by the iteration's number."""
    torch.manual_seed(number)
    found = model.loss(*batch(number, dtype))
    return {name: sum(value) if isinstance(value, list) else value for name, value in found.items() if "loss" in name}


@pytest.mark.parametrize("width", SIZES)
def test_the_first_losses_are_equal(root, width):
    ours, theirs = (losses(model, 0, torch.float32) for model in pair(root, width, torch.float32))
    assert ours.keys() == theirs.keys() == {"loss_rpn_cls", "loss_rpn_bbox", "loss_cls", "loss_bbox"}
    for name, value in ours.items():
        assert value.item() == pytest.approx(theirs[name].item(), rel=1e-5) and value > 0


def trained(model, dtype):
    """[iterations, losses]"""
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9, weight_decay=1e-4)
    seen = []
    for number in range(ITERATIONS):
        found = losses(model, number, dtype)
        optimizer.zero_grad()
        sum(found.values()).backward()
        optimizer.step()
        seen.append([value.item() for value in found.values()])
    return torch.tensor(seen, dtype=dtype)


@pytest.mark.parametrize("width", SIZES)
def test_twenty_iterations_are_equal(root, width):
    """In float64: proposals and samples are chosen by comparisons, which rounding would turn."""
    models = pair(root, width, torch.float64)
    one, other = (trained(model, torch.float64) for model in models)
    assert (one[0] - one[-1]).abs().max() > 0.01  # they train
    difference = ((one - other).abs() / other.abs().clamp(min=1e-3)).max().item()
    print(f"width {width}: {ITERATIONS} iterations differ by {difference:.1e} at most")
    assert difference < 1e-6
    statistics = [model.state_dict() for model in models]
    for row in trunk(models[0].backbone.tower.spec.tower):
        torch.testing.assert_close(
            statistics[0][f"backbone.tower.{row.ours}"], statistics[1][f"backbone.{row.theirs}"], rtol=1e-6, atol=1e-8
        )
