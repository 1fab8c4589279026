"""Every configuration that ships is built, recorded, and costs what its weights say."""

from dataclasses import replace
from pathlib import Path

import pytest

from tandemclip.backends.recorder.cost import costs
from tandemclip.backends.recorder.draws import training_views
from tandemclip.backends.recorder.record import record_step
from tandemclip.core.data.views.image import ImageView
from tandemclip.core.data.views.view import batch_arrays
from tandemclip.core.training.config import read

CONFIGS = sorted((Path(__file__).resolve().parents[1] / "configs").rglob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_it_is_built_by_the_recorder(path):
    config, _ = read(path)
    recording = record_step(config.method, batch_arrays(training_views(config.method), 4))
    assert recording.outputs["loss"].shape == ()
    names = {name for name, _ in config.method.all_parameters()}
    used = names & set(recording.program.inputs)
    assert used and all(
        name.startswith(("image.rois", "image.pool.roi")) for name in names - used
    )  # a level without weight


def flops(root, weights):
    path = root / "configs" / "pretrain" / "tiny_pyramidclip_vit.yaml"
    pairs = dict.fromkeys(("GS", "GT", "GA", "LS", "LT", "LA", "RS", "RT", "RA"), 0.0) | weights
    method = read(path, {"method": {"weights": pairs}})[0].method
    return sum(cost.training for parts in costs(method).values() for cost in parts.values()), set(method.views())


def test_a_pair_without_weight_costs_nothing(root):
    one, views = flops(root, {"GS": 1.0})
    assert views == {"image_global", "text_summary"}
    two, views = flops(root, {"GS": 0.5, "LT": 0.5})
    assert views == {"image_global", "text_summary", "image_local", "text_caption"} and two == 2 * one
    assert flops(root, {"GS": 0.5, "GT": 0.25, "LS": 0.25, "LT": 0.0})[0] == two  # the same levels in other pairs
    _, views = flops(root, {"RA": 1.0})
    assert views == {"rois", "text_objects", "has_objects"}


@pytest.mark.parametrize("tower", ["vit", "rn"])
def test_pyramidclip_on_flickr8k_is_beside_clip_with_equal_views(root, tower):
    clip, pyramid = (
        read(root / "configs" / "pretrain" / f"flickr8k_{name}_{tower}.yaml")[0] for name in ("clip", "pyramidclip")
    )
    assert replace(pyramid.method.image, roi=None) == clip.method.image and pyramid.method.text == clip.method.text
    assert replace(pyramid.training, steps=clip.training.steps) == clip.training
    views = [sum(isinstance(view, ImageView) for view in config.method.views().values()) for config in (clip, pyramid)]
    assert views == [1, 2] and clip.training.steps == 2 * pyramid.training.steps
    assert clip.training.steps * clip.training.batch_size == 30_720
