"""CLIP with progressive softened labels: the engines agree in all three phases."""

import pytest

from tandemclip.backends.parity import compare, compare_training
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.tools import parity


@pytest.mark.parametrize("scale", ["none", "logit_scale"])
def test_engines_agree_in_every_phase(root, scale):
    settings = {"method": {"soften": {"by": "steps", "scale": scale}}}
    config, _ = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml", settings)
    start = parity.subject(config, initial_weights(config.method, config.training.seed), 4)
    judge, engines = parity.engines(start)
    if scale == "none":
        del engines[parity.EAGER]  # which interprets the same definition, and takes its time
    phases = start.phases()
    assert list(phases) == ["one-hot", "smoothed", "importance"]
    for name, at in phases.items():
        rows = compare(at, judge, engines) + (compare_training(at, judge, engines) if name == "importance" else [])
        assert rows and not [row for row in rows if not row.agrees], name
