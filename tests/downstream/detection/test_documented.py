"""The configurations that docs/detection.md shows, as mmdet reads and builds them."""

import pytest
from mmdet.registry import HOOKS, MODELS
from mmdet.utils import register_all_modules
from mmengine.config import Config

from tandemclip.tests import documents

# A reader has a checkpoint of an RN50; random weights of one have its shapes.
ITS_TOWER = {'checkpoint="runs/clip"': 'tower="RN50"'}


@pytest.fixture
def configs(root, tmp_path):
    blocks = [block for block in documents.blocks(root) if block.page == "docs/detection.md"]
    shown = [block.text for block in blocks if block.text.startswith("_base_ =")]
    assert len(shown) == 2
    for number, text in enumerate(shown):
        for words, other in ITS_TOWER.items():
            assert words in text
            text = text.replace(words, other)
        (tmp_path / f"config_{number}.py").write_text(text)
    return [Config.fromfile(tmp_path / f"config_{number}.py") for number in range(2)]


def test_configs_of_the_page_build(configs):
    """The backbone, and a neck that fits it; every hook is known."""
    register_all_modules(init_default_scope=True)
    for config in configs:
        backbone = MODELS.build(config.model.backbone)
        assert [*backbone.out_channels] == config.model.neck.in_channels
        assert MODELS.build(config.model.neck) and MODELS.build(config.model.data_preprocessor)
        assert all(HOOKS.get(hook["type"]) for hook in config.get("custom_hooks", []))
