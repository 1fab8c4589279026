"""Our towers inside detectors of mmdet's own configurations."""

import logging
import re

import numpy as np
import pytest
import torch
from mmdet.registry import HOOKS, MODELS
from mmdet.structures import DetDataSample
from mmdet.utils import register_all_modules
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.structures import InstanceData

import tandemclip.downstream.detection.register  # noqa: F401
from tandemclip.core.closeness import error
from tandemclip.core.errors import UserError
from tandemclip.downstream.detection.backbone import TandemBackbone, TandemSharedHead
from tandemclip.tests.downstream.detection.towers import (
    CONVOLUTIONAL,
    TOWERS,
    judged,
    method,
    pictures,
    saved,
    weights_of,
)

FPN = """
_base_ = "mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py"
model = dict(
    backbone=dict(_delete_=True, type="TandemBackbone", checkpoint="{run}", norm_eval=False),
    neck=dict(in_channels={channels}, out_channels=16),
    rpn_head=dict(in_channels=16, feat_channels=16),
    roi_head=dict(bbox_roi_extractor=dict(out_channels=16), bbox_head=dict(in_channels=16, fc_out_channels=32)),
    train_cfg=dict(rpn_proposal=dict(nms_pre=60, max_per_img=40), rcnn=dict(sampler=dict(num=16))),
)
"""
PYRAMID = FPN.replace("norm_eval=False", "out_indices=(3,)").replace(
    "neck=dict(in_channels={channels}, out_channels=16)",
    "neck=dict(_delete_=True, type='SimpleFeaturePyramid', in_channels=16, out_channels=16, in_stride=16)",
)
C4 = """
_base_ = "mmdet::faster_rcnn/faster-rcnn_r50-caffe_c4-1x_coco.py"
model = dict(
    backbone=dict(_delete_=True, type="TandemBackbone", checkpoint="{run}", out_indices=(2,), norm_eval=False),
    rpn_head=dict(in_channels={channels}[2], feat_channels=16),
    roi_head=dict(
        shared_head=dict(_delete_=True, type="TandemSharedHead", checkpoint="{run}", norm_eval=False),
        bbox_roi_extractor=dict(out_channels={channels}[2]),
        bbox_head=dict(in_channels={channels}[3]),
    ),
    train_cfg=dict(rpn_proposal=dict(nms_pre=60, max_per_img=40), rcnn=dict(sampler=dict(num=16))),
)
"""


@pytest.fixture(scope="module", autouse=True)
def scope():
    register_all_modules(init_default_scope=True)


def detector(tmp_path, text, name):
    """A detector as a Runner builds it, with a checkpoint of the named tower, and that checkpoint's weights."""
    run, channels = saved(tmp_path / "run", name), list(method(name).image.stage_dims)
    path = tmp_path / "config.py"
    path.write_text(text.replace("{run}", str(run)).replace("{channels}", str(channels)))
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(path).model)
    model.init_weights()
    return model, weights_of(method(name))


def sample(size):
    shapes = dict(img_shape=size, ori_shape=size, pad_shape=size, batch_input_shape=size, scale_factor=(1.0, 1.0))
    found = DetDataSample(metainfo=shapes)
    boxes = torch.tensor([[10.0, 10, 60, 70], [70, 20, 120, 90]])
    found.gt_instances = InstanceData(bboxes=boxes, labels=torch.tensor([3, 5]))
    return found


@pytest.mark.parametrize(
    "text, name",
    [(FPN, "resnet"), (FPN, "swin"), (PYRAMID, "leff"), (C4, "modified_resnet")],
    ids=["fpn-resnet", "fpn-swin", "pyramid-leff", "c4-modified_resnet"],
)
def test_a_detector_of_mmdets_own_configuration_takes_a_step(tmp_path, text, name):
    model, weights = detector(tmp_path, text, name)
    images = torch.from_numpy(pictures(96, 128, 1))
    before = {n: x.clone() for n, x in model.state_dict().items()}
    part = lambda n: n.replace("backbone.tower.", "image.").replace("roi_head.shared_head.tower.", "image.")
    ours = {n: part(n) for n in before if part(n).startswith("image.")}
    assert len(ours) > 20 and all(np.array_equal(before[n].numpy(), weights[own]) for n, own in ours.items())
    losses = model.train().loss(images, [sample((96, 128))])
    total = sum(sum(loss) if isinstance(loss, list) else loss for n, loss in losses.items() if "loss" in n)
    total.backward()
    assert torch.isfinite(total)
    assert all(x.grad is not None for x in model.parameters() if x.requires_grad)
    torch.optim.SGD(model.parameters(), 0.01).step()
    after = model.state_dict()
    statistics = {n for n in ours if n.endswith((".mean", ".variance"))}
    still = statistics if text is PYRAMID else set()
    assert {n for n in ours if torch.equal(before[n], after[n])} == still
    assert model.eval().predict(images, [sample((96, 128))])[0].pred_instances.bboxes.shape[1] == 4


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_the_shared_head_is_the_last_stage_of_the_same_checkpoint(tmp_path, name):
    run, images = saved(tmp_path, name), pictures(64, 96)
    backbone, head = TandemBackbone(run, out_indices=(2,)).eval(), TandemSharedHead(run).eval()
    with torch.no_grad():
        (middle,) = backbone(torch.from_numpy(images))
        last = head(middle)
    wanted = judged(name, weights_of(method(name)), images)
    assert max(error(middle.numpy(), wanted[2]), error(last.numpy(), wanted[3])) < 1e-5
    assert head.out_channels == last.shape[1] and not backbone.state_dict().keys() & head.state_dict().keys()
    kept = head.train()(middle)
    assert torch.equal(kept, head.eval()(middle)), "norm_eval is the default"
    free = TandemSharedHead(run, norm_eval=False).train()
    before = {n: x.clone() for n, x in free.state_dict().items()}
    assert free(torch.zeros(0, *middle.shape[1:])).shape == (0, *last.shape[1:])
    assert all(torch.equal(x, before[n]) for n, x in free.state_dict().items())
    free(middle)
    changed = {n for n, x in free.state_dict().items() if not torch.equal(x, before[n])}
    assert changed == {n for n in before if n.endswith((".mean", ".variance"))}


@pytest.mark.parametrize("name", ["swin", "leff"])
def test_a_transformer_has_no_stage_to_share(name):
    with pytest.raises(UserError, match="a shared head is the last stage of a convolutional tower, and .* is none"):
        TandemSharedHead(tower=TOWERS[name])


class Running:
    """What the hook reads of a Runner."""

    seed, epoch = 5, 0

    def __init__(self, iteration):
        self.iter = iteration


def test_drop_path_is_keyed_by_seed_and_iteration(tmp_path):
    backbone = TandemBackbone(saved(tmp_path, "swin"), drop_path=0.5).train()
    hook, images = HOOKS.build(dict(type="KeyedRandomness")), torch.from_numpy(pictures(32, 32, 8))

    def maps(iteration):
        torch.rand(iteration)  # what was drawn before does not matter
        hook.before_train_iter(Running(iteration), 0)
        return backbone(images)[-1]

    first = maps(3)
    assert not torch.equal(first, maps(4)) and torch.equal(first, maps(3))


def test_what_is_loaded_is_logged(tmp_path):
    records, logger = [], MMLogger.get_current_instance()
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())
    logger.addHandler(handler)
    TandemBackbone(saved(tmp_path, "basic_resnet"))
    logger.removeHandler(handler)
    assert records[0].startswith("BasicResNet from") and records[1].startswith("left out: image.pool")


SWIN = TOWERS["swin"] | {"resolution": 128, "depths": [2, 2, 2, 2]}
NEIGHBOURS = (0, 2, 1, 3)  # of our four neighbours that merge: the place of theirs, which go row by row


def as_mmdet_has_it(state):
    """Our names and arrays by those of mmdet's Swin; what merges is ordered by channel there, by neighbour here."""
    names = {"tower.patches": "patch_embed.projection", "tower.input_norm": "patch_embed.norm"}
    names |= {"attention_norm": "norm1", "feed_forward_norm": "norm2", "relative_bias": "relative_position_bias_table"}
    names |= {"attention.": "attn.w_msa.", "output": "proj", "feed_forward.expand": "ffn.layers.0.0"}
    names |= {"feed_forward.shrink": "ffn.layers.1", "norms.": "norm"}
    found = {}
    for name, x in state.items():
        theirs = re.sub(r"tower\.stages\.(\d)\.(\d)\.", r"stages.\1.blocks.\2.", name)
        theirs = re.sub(r"tower\.merges\.(\d)\.", r"stages.\1.downsample.", theirs)
        for own, other in names.items():
            theirs = theirs.replace(own, other)
        if "downsample" in theirs:
            x = x.unflatten(-1, (4, -1))[..., NEIGHBOURS, :].transpose(-1, -2).flatten(-2)
        found[theirs] = x
    return found


@pytest.mark.parametrize("size", [(160, 224), (128, 128)])
def test_a_swin_is_mmdets(size):
    """At any size at which no map is one window, where mmdet's would shift all the same."""
    backbone = TandemBackbone(tower=SWIN).eval()
    backbone.load_state_dict(
        {n: x + 0.1 * torch.randn(x.shape, generator=torch.manual_seed(0)) for n, x in backbone.state_dict().items()}
    )
    theirs = MODELS.build(
        dict(type="SwinTransformer", embed_dims=8, depths=[2] * 4, num_heads=[1, 2, 2, 2], window_size=4)
    )
    missing, unexpected = theirs.load_state_dict(as_mmdet_has_it(backbone.state_dict()), strict=False)
    assert not unexpected and all(n.endswith("relative_position_index") for n in missing)
    theirs.eval()
    images = torch.from_numpy(pictures(*size))
    with torch.no_grad():
        found, wanted = backbone(images), theirs(images)
    alike = [error(a.numpy(), b.numpy()) for a, b in zip(found, wanted, strict=True)]
    assert max(alike[: 3 if size == (128, 128) else 4]) < 1e-5
    assert size == (160, 224) or alike[3] > 1e-2
