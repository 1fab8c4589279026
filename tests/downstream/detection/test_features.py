"""Maps for a detector are those of the tower that was trained, on any picture; what is frozen stands still."""

import copy
import subprocess
import sys

import numpy as np
import pytest
import torch

from tandemclip import backends
from tandemclip.backends.torch.module import Model
from tandemclip.core.closeness import error
from tandemclip.core.errors import UserError
from tandemclip.core.training import checkpoint
from tandemclip.core.training.update import AdamW
from tandemclip.downstream.detection.features import Features
from tandemclip.tests.downstream.detection.towers import TOWERS, judged, mapping, method, pictures, saved, weights_of
from tandemclip.tests.parity.interpreters import INTERPRETERS


def quiet(line):
    pass


def stages_of(features, images):
    with torch.no_grad():
        return [x.numpy() for x in features.eval().stages(torch.from_numpy(images))]


def errors(found, wanted):
    return [error(a, b) for a, b in zip(found, wanted, strict=True)]


# ------------------------------------------------------------------ the maps
@pytest.mark.parametrize("name", TOWERS)
def test_maps_are_those_of_the_tower(tmp_path, name):
    """Of the torch model at the training size, of the judge at two others."""
    weights = weights_of(method(name))
    features = Features(saved(tmp_path, name, weights), say=quiet)
    square = pictures(64, 64)
    with torch.no_grad():
        own = Model(method(name), weights).scope(False).image.stages(torch.from_numpy(square))
    assert max(errors(stages_of(features, square), [x.numpy() for x in own])) < 1e-5
    for size in ((32, 32), (96, 160)):
        found, wanted = stages_of(features, pictures(*size)), judged(name, weights, pictures(*size))
        assert [x.shape for x in found] == [x.shape for x in wanted]
        assert max(errors(found, wanted)) < 1e-5


@pytest.mark.parametrize("name", ["modified_resnet", "swin", "leff"])
def test_out_indices(tmp_path, name):
    run, images = saved(tmp_path, name), pictures(64, 96)
    every, some = Features(run, say=quiet), Features(run, out_indices=(0, 2), say=quiet)
    wanted = stages_of(every, images)
    found = stages_of(some, images)
    assert all(np.array_equal(a, b) for a, b in zip(found, (wanted[0], wanted[2]), strict=True))
    assert some.out_channels == [every.out_channels[i] for i in (0, 2)] == [x.shape[1] for x in found]
    assert some.strides == [64 // x.shape[2] for x in found]
    maps = some(torch.from_numpy(images))
    assert list(maps) == ["0", "1"] and [tuple(x.shape) for x in maps.values()] == [x.shape for x in found]
    assert sum(x.numel() for x in some.parameters()) < sum(x.numel() for x in every.parameters())


def test_a_swins_maps_have_a_norm_each_that_is_new(tmp_path):
    told = []
    features = Features(saved(tmp_path, "swin"), out_indices=(1, 3), say=told.append)
    images = torch.from_numpy(pictures(64, 32))
    plain, maps = features.stages(images), features(images)
    for x, y in zip(plain, maps.values(), strict=True):
        centred = x - x.mean(1, keepdim=True)
        torch.testing.assert_close(y, centred / (x.var(1, correction=0, keepdim=True) + 1e-5).sqrt())
    assert told[-1] == "new, at their start: norms.1.weight, norms.1.bias, norms.3.weight, norms.3.bias"
    other = Features(saved(tmp_path / "other", "resnet"), say=quiet)
    assert all(torch.equal(a, b) for a, b in zip(other.stages(images), other(images).values(), strict=True))


@pytest.mark.parametrize("engine", ["torch", pytest.param("mindspore", marks=pytest.mark.slow)])
def test_a_checkpoint_of_either_engine_gives_the_maps_of_that_engine(tmp_path, engine):
    spec, images = method("swin"), pictures(64, 96)
    start = weights_of(spec)
    run = saved(tmp_path, "swin", backends.load(engine)(spec, start, AdamW()).weights())
    copied = backends.load("torch")(spec, start, AdamW()).weights()
    features = Features(run, say=quiet)
    wanted = stages_of(Features(saved(tmp_path / "copy", "swin", copied), say=quiet), images)
    assert max(errors(stages_of(features, images), wanted)) < 1e-5
    stored = checkpoint.load(checkpoint.resolve(run)).model
    read = lambda ops, p, given: (
        {str(i): x for i, x in enumerate(p.image.stages(given["x"]))} | {"scalar": p["logit_scale"]}
    )
    outputs = INTERPRETERS[engine](spec, stored, {"x": images}, read).outputs
    assert max(errors(stages_of(features, images), [outputs[str(i)] for i in range(4)])) < 1e-5


# ------------------------------------------------------------------ what is loaded
def test_the_average_of_the_weights_is_loaded_where_there_is_one(tmp_path):
    spec = method("resnet")
    weights, other = weights_of(spec), weights_of(spec, 1)
    averages = {name: other[name] for name, _ in spec.all_parameters()}
    run = saved(tmp_path, "resnet", weights, {f"ema.{name}": x for name, x in averages.items()})
    told = []
    features = Features(run, say=told.append)
    images = pictures(32, 32)
    assert max(errors(stages_of(features, images), judged("resnet", weights | averages, images))) < 1e-5
    kept = sum(1 for _ in features.parameters())
    assert f"{kept} of them averages over training" in told[0]


def test_what_is_loaded_and_left_out_is_said(tmp_path):
    told = []
    features = Features(saved(tmp_path, "modified_resnet"), out_indices=(0, 2), say=told.append)
    count = len(features.state_dict())
    assert (
        told[0].startswith("ModifiedResNet from ") and f"all {count} arrays that it needs are loaded, 0 of" in told[0]
    )
    last = sum(name.startswith("image.stages.3.") for name in weights_of(method("modified_resnet")))
    assert told[1] == f"left out: image.pool (9), image.stages.3 ({last}), logit_scale (1), text (17)"
    assert told[2].endswith("mean=[122.771, 116.746, 104.094], std=[68.501, 66.632, 70.323]")


def test_auxiliary_parts_are_left_out_by_name(tmp_path):
    told = []
    weights = weights_of(method("vit")) | {"auxiliary.projector.weight": np.ones((2, 2), np.float32)}
    Features(saved(tmp_path, "vit", weights), say=told.append)
    assert told[1].startswith("left out: auxiliary (1), image.output_norm (2), image.projection (1), logit_scale")


def test_a_tower_alone_is_drawn_by_torchs_seed():
    def drawn(seed):
        torch.manual_seed(seed)
        return Features(tower=TOWERS["mobilenet_v2"], say=quiet).state_dict()

    one, same, other = drawn(3), drawn(3), drawn(4)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["tower.first.weight"], other["tower.first.weight"])


def test_state_dict_copy_and_no_need_of_mmdet(tmp_path):
    run = saved(tmp_path / "run", "swin")
    features, images = Features(run, say=quiet).eval(), torch.from_numpy(pictures(32, 64))
    torch.save(features.state_dict(), tmp_path / "backbone.pth")
    other = Features(tower=mapping("swin")["image"], say=quiet).eval()
    assert not torch.equal(other(images)["3"], features(images)["3"])
    other.load_state_dict(torch.load(tmp_path / "backbone.pth", weights_only=True))
    twin = copy.deepcopy(features)
    with torch.no_grad():
        for parameter in features.parameters():
            parameter.mul_(2)
    assert torch.equal(other(images)["3"], twin(images)["3"])
    assert not torch.equal(other(images)["3"], features(images)["3"])
    program = (
        "import sys, tandemclip.downstream.detection.features as f; f.Features(sys.argv[1]); "
        "print(sorted({n.split('.')[0] for n in sys.modules} & {'mmdet', 'mmcv', 'mmengine', 'mindspore'}))"
    )
    result = subprocess.run([sys.executable, "-c", program, str(run)], capture_output=True, text=True)
    assert result.returncode == 0 and result.stdout.endswith("[]\n"), result.stderr + result.stdout


# ------------------------------------------------------------------ training
def stepped(features, size=(64, 96)):
    """The state before and after a step of SGD, and the names that a gradient reached."""
    before = {name: x.clone() for name, x in features.state_dict().items()}
    features.train()
    wild = sum((x * torch.randn_like(x)).mean() for x in features(torch.from_numpy(pictures(*size))).values())
    wild.backward()
    reached = {name for name, x in features.named_parameters() if x.grad is not None}
    torch.optim.SGD([x for x in features.parameters() if x.requires_grad], 1.0).step()
    return before, features.state_dict(), reached


def moved(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize("name", TOWERS)
@pytest.mark.parametrize("indices", [(0, 1, 2, 3), (2,)])
def test_a_gradient_reaches_every_parameter(tmp_path, name, indices):
    features = Features(saved(tmp_path, name), out_indices=indices, norm_eval=False, say=quiet)
    before, after, reached = stepped(features)
    assert reached == {name for name, _ in features.named_parameters()}
    still = {name for name in before if name not in moved(before, after)}
    assert not still, still


@pytest.mark.parametrize("name", ["modified_resnet", "leff", "swin"])
@pytest.mark.parametrize("frozen", [0, 2])
def test_frozen_stages_stand_still_to_the_bit(tmp_path, name, frozen):
    features = Features(saved(tmp_path, name), frozen_stages=frozen, norm_eval=False, say=quiet)
    before, after, reached = stepped(features)
    own = {"modified_resnet": "stem", "leff": "patches", "swin": "patches"}[name]
    stage = {"modified_resnet": "stages.{}.", "leff": "blocks.{}.", "swin": "stages.{}."}[name]
    still = {n for n in before if n.startswith(f"tower.{own}") or n.startswith("tower.input_norm")}
    still |= {n for n in before if n in ("tower.class_token", "tower.positions")}
    still |= {n for n in before for i in range(frozen) if n.startswith("tower." + stage.format(i))}
    still |= {n for n in before if frozen == 2 and n.startswith("tower.merges.0.")}
    assert still and moved(before, after) == before.keys() - still
    assert not reached & still


@pytest.mark.parametrize("name", ["basic_resnet", "leff"])
def test_norm_eval_keeps_the_statistics_and_trains_the_rest(tmp_path, name):
    run = saved(tmp_path, name)
    features = Features(run, say=quiet)
    images = torch.from_numpy(pictures(64, 64))
    assert all(torch.equal(a, b) for a, b in zip(features.train()(images).values(), features.eval()(images).values()))
    before, after, _ = stepped(features)
    statistics = {n for n in before if n.endswith((".mean", ".variance"))}
    assert statistics and moved(before, after) == before.keys() - statistics
    free = Features(run, norm_eval=False, say=quiet)
    assert moved(*stepped(free)[:2]) == before.keys()
    before = {n: x.clone() for n, x in free.state_dict().items()}
    free.eval()(images)
    assert not moved(before, free.state_dict())


def test_drop_path_is_drawn_from_torchs_generator(tmp_path):
    features = Features(saved(tmp_path, "swin"), drop_path=0.5, frozen_stages=1, say=quiet).train()
    images = torch.from_numpy(pictures(32, 32, 6))

    def maps(seed):
        torch.manual_seed(seed)
        return [x.detach() for x in features.stages(images)]

    one, same, other = maps(1), maps(1), maps(2)
    assert all(torch.equal(a, b) for a, b in zip(one, same))
    assert torch.equal(one[0], other[0]) and not torch.equal(one[3], other[3])  # the first stage is frozen
    features.eval()
    assert all(torch.equal(a, b) for a, b in zip(maps(1), maps(2)))
    again = Features(saved(tmp_path / "again", "swin"), say=quiet).train()
    assert all(torch.equal(a, b) for a, b in zip(maps(1), again.stages(images)))


@pytest.mark.parametrize("name", TOWERS)
def test_autocast(tmp_path, name):
    """mmengine's AmpOptimWrapper: maps are near those in float32, and gradients finite."""
    features = Features(saved(tmp_path, name), norm_eval=False, say=quiet).train()
    images = torch.from_numpy(pictures(64, 96))
    wanted = features(images)
    with torch.autocast("cpu", torch.bfloat16):
        found = features(images)
    sum(x.float().square().mean() for x in found.values()).backward()
    assert all(torch.isfinite(x.grad).all() for x in features.parameters())
    for a, b in zip(found.values(), wanted.values(), strict=True):
        assert (a - b).square().mean() < 0.1**2 * b.square().mean()


# ------------------------------------------------------------------ what is refused
def refused(match, *args, **options):
    with pytest.raises(UserError, match=match) as caught:
        Features(*args, **options, say=quiet)
    assert "\n" not in str(caught.value)


def test_a_wrong_checkpoint_is_refused_in_a_sentence(tmp_path):
    pickled = tmp_path / "weights.pth"
    torch.save({"a": torch.ones(1)}, pickled)
    refused("weights.pth is a file, and a tower begins from the folder of a run or of a checkpoint", pickled)
    refused("holds no whole checkpoint", tmp_path / "nowhere")
    weights = weights_of(method("vit"))
    texts = {name: x for name, x in weights.items() if name.startswith("text.")}
    refused(
        "has none of the .* image.blocks.0.* give a checkpoint with an image tower", saved(tmp_path / "a", "vit", texts)
    )
    some = {name: x for name, x in weights.items() if name != "image.positions"}
    refused(r"wants positions \[17, 16\], the checkpoint does not have it", saved(tmp_path / "b", "vit", some))
    config = {"method": {"type": "elsewhere.module:Class"}}
    refused(
        "names elsewhere.module:Class, which is no class of TandemCLIP's own",
        saved(tmp_path / "c", "vit", config=config),
    )


def test_arguments_that_do_not_fit_are_refused_in_a_sentence():
    tower = TOWERS["resnet"]
    refused("neither of checkpoint and tower is given")
    refused("both of checkpoint and tower are given", "runs/clip", tower)
    refused(r"out_indices=\(4,\); give stages from 0 to 3", tower=tower, out_indices=(4,))
    refused("in rising order, each once", tower=tower, out_indices=(2, 1))
    refused("in rising order, each once", tower=tower, out_indices=(1, 1))
    refused(r"out_indices=\(\)", tower=tower, out_indices=())
    refused("frozen_stages=5; give -1", tower=tower, frozen_stages=5)
    refused("drop_path=0.1 is given, and a ResNet has none", tower=tower, drop_path=0.1)
    refused("drop_path is 1.5", tower=TOWERS["swin"], drop_path=1.5)
    refused("unknown key 'stage' in tower", tower=tower | {"stage": 3})


def test_pictures_of_other_sides_are_refused():
    features = Features(tower=TOWERS["resnet"], say=quiet)
    with pytest.raises(
        UserError, match=r"pictures are 64 x 80, and this tower takes multiples of 32.*pad_size_divisor=32"
    ):
        features(torch.zeros(1, 3, 64, 80))
