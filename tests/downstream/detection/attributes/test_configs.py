"""The configurations: they are whole, and their detectors can be built."""

import pytest
import torch
from mmdet.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

import tandemclip.downstream.detection.register  # noqa: F401
from tandemclip.tests.downstream.detection.attributes.small import configuration, write_scenes


@pytest.mark.parametrize("name, feature, categories, attributes", [("scenes", 256, 10, 4), ("vinvl", 2048, 1594, 524)])
def test_the_attributes_head_fits_the_rest(root, name, feature, categories, attributes):
    config = Config.fromfile(root / "configs" / "detection" / f"object_attribute_{name}.py")
    init_default_scope("mmdet")
    with torch.device("meta"):
        head = MODELS.build(config.model.roi_head)
    side = head.bbox_roi_extractor.roi_layers[0].output_size[0]
    regions = torch.empty(2, head.bbox_roi_extractor.out_channels, side, side, device="meta")
    if head.with_shared_head:
        regions = head.shared_head(regions)
    pooled = head.pooled(head.bbox_head, regions)
    assert pooled.shape == (2, feature)
    labels = torch.zeros(2, dtype=torch.long, device="meta")
    assert head.attribute_head(pooled, labels).shape == (2, attributes + 1)
    assert head.attribute_head.category.num_embeddings == head.bbox_head.num_classes == categories
    assert DATASETS.get(config.train_dataloader.dataset.type) is not None


def test_both_figures_come_out(root, tmp_path):
    """COCO's AP50 and the attributes that are right, of a network that was not trained."""
    config = configuration(root, write_scenes(tmp_path / "data"), tmp_path / "run")
    torch.manual_seed(0)
    found = Runner.from_cfg(config).test()
    assert 0 <= found["coco/bbox_mAP_50"] <= 1 and 0 <= found["attributes/right"] <= 100
    assert found["attributes/boxes"] >= 6
