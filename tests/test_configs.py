"""Every configuration that ships is built, recorded, and costs what its weights say."""

from dataclasses import replace
from fnmatch import fnmatchcase

import pytest

from tandemclip.backends.recorder.cost import costs
from tandemclip.backends.recorder.draws import training_views
from tandemclip.backends.recorder.record import record_step
from tandemclip.core.config.shipped import configs
from tandemclip.core.data.views.image import ImageView
from tandemclip.core.data.views.view import batch_arrays
from tandemclip.core.spec import count_parameters
from tandemclip.core.training.config import read


@pytest.mark.parametrize("path", configs().values(), ids=lambda path: path.stem)
def test_it_is_built_by_the_recorder(path):
    config, _ = read(path)
    recording = record_step(config.method, batch_arrays(training_views(config.method), 4))
    assert recording.outputs["loss"].shape == ()
    names = {name for name, _ in config.method.all_parameters()}
    used = names & set(recording.program.inputs)
    unused = {name for name in names - used if not any(fnmatchcase(name, each) for each in config.method.frozen)}
    assert used and all(name.startswith(("image.rois", "image.pool.roi")) for name in unused)  # a level without weight


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


LIGHT = {"resnet18": "LightCLIP-ResNet18", "mobilenetv2": "LightCLIP-MobileNet-V2", "swin_nano": "LightCLIP-Swin-Nano"}
WHOLE = {"weights": {"instance": 0.8, "token": 0.1, "mlm": 0.1}, "soften": {}}
PARTS = {  # of Table 4: what is laid over the whole method; a part that is missing has weight 0
    "1_none": {"weights": {"token": 0, "mlm": 0}, "soften": None},
    "2_soft": {"weights": {"token": 0, "mlm": 0}},
    "3_token": {"weights": {"mlm": 0}, "soften": None},
    "4_mlm": {"weights": {"token": 0}, "soften": None},
    "5_all": {},
}


def light(root, name, **over):
    return read(root / "configs" / "pretrain" / f"{name}.yaml", over)[0]


@pytest.mark.parametrize("tower, preset", LIGHT.items())
def test_lightclip_is_the_paper_s_and_clip_differs_in_its_parts_alone(root, tower, preset):
    whole = light(root, f"lightclip_{tower}")
    wide = 512 if "swin" in tower else 1024
    towers = {"image": {"type": preset}, "text": {"type": f"LightCLIP-text-{wide}"}}
    assert light(root, "lightclip_resnet18", method=towers | WHOLE) == whole
    assert light(root, f"lightclip_{tower}", method=PARTS["1_none"]) == light(root, f"lightclip_{tower}_clip") != whole
    training, update = whole.training, whole.training.update
    assert (training.epochs, training.batch_size, training.learning_rate, training.warmup) == (32, 4096, 5e-4, 0.05)
    assert (update.decay, update.beta1, update.beta2, update.eps) == (0.1, 0.9, 0.98, 1e-8)


@pytest.mark.parametrize("other", ["slip", "declip"])
@pytest.mark.parametrize("tower", LIGHT)
def test_lightclip_is_beside_slip_and_declip_of_their_benchmark(root, tower, other):
    """The towers and the training are LightCLIP's, all else of the method is its own."""
    whole, config = light(root, f"lightclip_{tower}"), light(root, f"lightclip_{tower}_{other}")
    assert config.training == whole.training and config.data == whole.data
    assert (config.method.image, config.method.text) == (whole.method.image, whole.method.text)
    full = light(root, f"{other}_rn50_yfcc15m_v2").method
    assert replace(full, image=whole.method.image, text=whole.method.text) == config.method


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("tower", ["resnet18", "swin_nano"])
def test_the_rows_of_lightclip_s_table_4_differ_in_the_parts_that_they_name(root, tower, part):
    expected = light(root, f"lightclip_{tower}", method=PARTS[part], training={"epochs": 8})
    assert light(root, f"lightclip/components_{part}_{tower}") == expected


@pytest.mark.parametrize(
    "i, name, millions", [(1, "nano", 7.1), (2, "tiny", 27.9), (3, "small", 49.2), (4, "base", 87.3)]
)
def test_figure_1c_of_lightclip_has_four_image_towers(root, i, name, millions):
    config = light(root, f"lightclip/image_encoder_{i}_swin_{name}")
    assert count_parameters(config.method.image) / 1e6 == pytest.approx(millions, abs=0.05)
    row = light(root, "lightclip/components_1_none_swin_nano")
    assert replace(config, method=replace(config.method, image=row.method.image)) == row


@pytest.mark.parametrize("layers", [4, 8, 12, 16])
def test_figure_1c_of_lightclip_has_four_depths_of_text(root, layers):
    config = light(root, f"lightclip/text_encoder_{layers:02}_mobilenetv2")
    row = light(root, "lightclip_mobilenetv2_clip", training={"epochs": 8})
    text = replace(row.method.text, layers=layers)
    assert config == replace(row, method=replace(row.method, text=text))


def test_lightclip_on_scenes_has_the_towers_and_training_of_clip(root):
    clip, whole, none = (light(root, f"scenes_{name}") for name in ("clip", "lightclip", "lightclip_clip"))
    assert light(root, "scenes_lightclip", method=PARTS["1_none"]) == none != whole
    assert replace(clip.method.image, resolution=64) == whole.method.image and clip.training == whole.training
    assert replace(clip.method.text, layers=4) == whole.method.text
    assert replace(clip.data, train=whole.data.train, evaluate=whole.data.evaluate) == whole.data
    crop = whole.method.crop
    assert not (crop.flip or crop.moco_v2.hue or crop.moco_v2.grey or whole.method.edit)  # "a red seven" stays true
