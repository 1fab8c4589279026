"""DeCLIP's checkpoints: every name of all that its repository makes, and features, heads and ids of small ones."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from open_clip.model import CLIPTextCfg, CLIPVisionCfg, CustomTextCLIP
from open_clip.modified_resnet import ModifiedResNet
from torch import nn

from tandemclip import backends
from tandemclip.backends.reference.ops import Reference
from tandemclip.core.closeness import error
from tandemclip.core.config.build import build
from tandemclip.core.data.tokenizers.clip import ClipTokenizer
from tandemclip.core.data.views.image import CentreView
from tandemclip.core.errors import UserError
from tandemclip.core.interop import declip
from tandemclip.core.interop.adapter import SKIPPED, convert, export, left_behind
from tandemclip.core.methods.declip import DeCLIP
from tandemclip.core.methods.filip import FILIP
from tandemclip.core.methods.method import Method
from tandemclip.core.random import generator
from tandemclip.core.spec import Run, Scope
from tandemclip.core.towers.tower import ImageTower, TextTower
from tandemclip.core.training import checkpoint
from tandemclip.core.training.config import read
from tandemclip.core.training.update import AdamW
from tandemclip.downstream.detection.features import Features
from tandemclip.tools import convert as tool

VIT = {"type": "ViT-B/32", "frozen_patches": True}
RN50 = {"type": "RN50"}
FC = ["visual.fc.weight", "visual.fc.bias"]
WORDS = [f"text_label_predictor.{name}" for name in ("weight", "bias")]
MASK_OF_WORDS = [f"{name} (row 49406)" for name in WORDS]
LAST_NORM = [f"predictor_sim.bn3.{name}" for name in ("weight", "bias", "running_mean", "running_var")]
mask_of = lambda text: [f"{text}.token_embedding.weight (row 49406)"]
FILES = {  # the method, its image tower, and what is left behind
    "declip_rn50": ("declip", RN50, MASK_OF_WORDS + FC),
    "declip_vitb32": ("declip", VIT, MASK_OF_WORDS),
    "declip_bench_defilip_vitb32": ("defilip", VIT, MASK_OF_WORDS),
    "declip_bench_clip_rn50": ("clip", RN50, FC + mask_of("encode_text")),
    "declip_bench_clip_vitb32": ("clip", VIT, mask_of("encode_text")),
    "declip_bench_filip_rn50": ("filip", RN50, ["logit_scale", *FC, *WORDS]),
    "declip_bench_filip_vitb32": (
        "filip",
        VIT | {"embed_dim": 768},
        ["logit_scale", *WORDS],
    ),
    "declip_bench_slip_vitb32": ("slip", VIT, LAST_NORM + mask_of("text_encoder")),
    "declip_bench_slip_rn50_modifiedtrunk": ("slip", RN50 | {"pool_dim": 2048}, LAST_NORM + mask_of("text_encoder")),
}


def public(shared, file):
    shapes = json.loads((shared / "state_dicts" / f"{file}.json").read_text())
    return {name: tuple(shape) for name, shape in shapes.items()}


def empty(shapes):  # takes no memory, but for vocabularies
    return {name: np.broadcast_to(np.zeros((), np.float32), shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("file", FILES)
def test_every_public_name_is_mapped_once_or_left_behind_by_name(shared, file):
    shapes, (kind, image, behind) = public(shared, file), FILES[file]
    mapping = declip.configuration(shapes, None)
    ours = build(Method, mapping)
    table = declip.table(ours, shapes)
    found = convert(empty(shapes), table, ours)
    wanted = {name: item.shape for name, item in ours.declared().items() if name != "auxiliary.queue"}
    assert {name: array.shape for name, array in found.items()} == wanted
    assert {row.theirs for row in table} == {name for name in shapes if name.rpartition(".")[2] not in SKIPPED}
    assert mapping["type"] == kind and sorted(left_behind(table)) == sorted(behind)
    embed_dim = ours.image.embed_dim
    text = {"type": "CLIP-text-512", "embed_dim": embed_dim, "projection_bias": True}
    assert ours.image == build(ImageTower, image) and ours.text == build(TextTower, text)
    with pytest.raises(ValueError, match="the table leads one way"):
        export(found, table, ours)


def test_the_slip_that_the_released_code_cannot_run_is_refused_by_name(shared):
    with pytest.raises(UserError, match="c_proj gives 1024 numbers, and predictor_sim.linear1 takes 2048"):
        declip.configuration(public(shared, "declip_bench_slip_rn50"), None)


@pytest.mark.parametrize(
    "file, config",
    [
        ("declip_rn50", "declip_rn50_yfcc15m_v2"),
        ("declip_vitb32", "declip_vitb32_yfcc15m_v2"),
        ("declip_bench_defilip_vitb32", "defilip_vitb32_yfcc15m_v2"),
        ("declip_bench_filip_rn50", "filip_rn50_yfcc15m_v2"),
        ("declip_bench_slip_vitb32", "slip_vitb32_yfcc15m_v2"),
        ("declip_bench_slip_rn50_modifiedtrunk", "slip_rn50_yfcc15m_v2"),
    ],
)
def test_what_ships_for_training_is_what_was_released(shared, root, file, config):
    """Their values are those of the configurations, but for what only training asks for: how the caption is changed."""
    ours = build(Method, declip.configuration(public(shared, file), None))
    ships = read(root / "configs" / "pretrain" / f"{config}.yaml")[0].method
    if isinstance(ships, DeCLIP):
        ships = replace(ships, change=None)
    if isinstance(ships, FILIP):  # which does not use the projection
        ships = replace(ships, text=replace(ships.text, projection_bias=True))
    assert ours == ships


# ------------------------------------------------------------------ small ones, with values
TEXT = CLIPTextCfg(context_length=8, vocab_size=49409, width=64, heads=1, layers=2, proj_bias=True)
VISION = {
    "vit": CLIPVisionCfg(layers=2, width=128, head_width=64, patch_size=8, image_size=32),
    "resnet": CLIPVisionCfg(layers=(1, 2, 1, 1), width=16, head_width=64, image_size=64),
}
EMBED_DIM, WIDTH, HIDDEN, DENSE = 24, 20, 12, 10


def moved(module):
    """With norms and statistics that are no ones and zeros."""
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point() and tensor.ndim == 1:
                tensor.add_(torch.rand_like(tensor) * 0.5)
    return module.eval()


class Named(nn.Module):
    """Linear maps and norms by their released names, each behind the one before."""

    def __init__(self, names, widths):
        super().__init__()
        self.names = names
        for name in names:
            if "bn" in name:
                setattr(self, name, nn.BatchNorm1d(widths[0]))
            elif name != "relu":
                setattr(self, name, nn.Linear(*widths[:2]))
                widths = widths[1:]

    def forward(self, x):
        for name in self.names:
            x = x.relu() if name == "relu" else getattr(self, name)(x)
        return x


PROJECTOR = ("linear1", "bn1", "relu", "linear2", "bn2", "relu", "linear3", "bn3")
PREDICTOR = ("linear1", "bn1", "relu", "layer2")
HEAD = PROJECTOR[:-1]


def towers(vision):
    """open_clip's model with a vocabulary of 49,409 and a bias behind the texts, as DeCLIP's towers are."""
    return moved(CustomTextCLIP(EMBED_DIM, VISION[vision], TEXT, quick_gelu=True))


def state_of(model, text="encode_text", **parts):
    """The state dict of the released module that has these towers and parts."""
    state = {
        name.replace("text.", f"{text}.", 1) if name.startswith("text.") else name: x.clone()
        for name, x in model.state_dict().items()
    }
    state["logit_scale"] = state["logit_scale"].reshape(1)
    if "visual.attnpool.c_proj.weight" in state:
        state |= {"visual.fc.weight": torch.rand(EMBED_DIM, 512), "visual.fc.bias": torch.rand(EMBED_DIM)}
    for part, module in parts.items():
        state |= {f"{part}.{name}": x.clone() for name, x in module.state_dict().items()}
    return state


def saved(state, folder):
    torch.save(
        {"model": {f"module.{n}": x for n, x in state.items()}, "optimizer": {}, "last_iter": 3},
        folder / "ckpt.pth.tar",
    )
    assert tool.main(["--from", "declip", str(folder / "ckpt.pth.tar"), str(folder / "run")]) == 0
    saved = checkpoint.load(checkpoint.resolve(folder / "run"))
    return build(Method, saved.state["config"]["method"]), saved.model


IDS = ClipTokenizer()(["a red seven", "two dogs play in the snow, and a third one watches them from afar"], 8)
THEIR_IDS = np.where(IDS >= 49406, IDS + 1, IDS)  # start and end behind <|mask|>


@pytest.mark.parametrize("backend, modes", [("torch", {}), ("mindspore", {"eager": True})])
@pytest.mark.parametrize("vision", VISION)
def test_features_are_those_of_their_towers_at_their_ids(tmp_path, capsys, vision, backend, modes):
    torch.manual_seed(0)
    theirs = towers(vision)
    ours, weights = saved(state_of(theirs), tmp_path)
    told = capsys.readouterr().out
    assert "left behind: " in told and "encode_text.token_embedding.weight (row 49406)" in told
    assert ("visual.fc.weight" in told) == (vision == "resnet") and "as drawn" not in told
    assert {49407, 49408} <= set(THEIR_IDS.flat) and {49406, 49407} <= set(IDS.flat)
    side = ours.image.resolution
    images = generator("declip").standard_normal((2, 3, side, side)).astype(np.float32)
    with torch.no_grad():
        u = theirs.encode_image(torch.from_numpy(images), normalize=True).numpy()
        v = theirs.encode_text(torch.from_numpy(THEIR_IDS).long(), normalize=True).numpy()
    engine = backends.load(backend)(ours, weights, AdamW(), **modes)
    assert error(engine.encode_image(images), u) < 1e-5 and error(engine.encode_text(IDS), v) < 1e-5
    wanted = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 0.875
    assert ours.inference_view() == CentreView(side, "antialiased", *wanted)


def test_a_detector_begins_from_its_resnet(tmp_path):
    """PyramidCLIP's table of 4.5 compares with DeCLIP's RN50: configs/detection/initialised/*_declip_rn50_88m.py."""
    torch.manual_seed(4)
    theirs, told, seen = towers("resnet"), [], []
    heads = {"projector": Named(PROJECTOR, (EMBED_DIM, WIDTH, WIDTH, WIDTH))}
    heads |= {"predictor": Named(PREDICTOR, (WIDTH, HIDDEN, WIDTH)), "text_label_predictor": nn.Linear(64, 49409)}
    saved(state_of(theirs, **heads), tmp_path)
    features = Features(tmp_path / "run", say=told.append)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad(), theirs.visual.layer4.register_forward_hook(lambda module, given, output: seen.append(output)):
        theirs.encode_image(images)
        assert error(features.stages(images)[-1].numpy(), seen[0].numpy()) < 1e-5
    assert "auxiliary (" in told[1] and "mean=[123.675, 116.28, 103.53]" in told[2]


def applied(ours, weights, node, x, training=False):
    """What a node of the method gives, by the judge."""
    run = Run(Reference(), {name: array.astype(np.float64) for name, array in weights.items()}, training)
    return Scope(ours, run).child(node)(x)


@pytest.mark.parametrize("training", [False, True])
def test_heads_of_declip_are_the_released_ones(tmp_path, capsys, training):
    torch.manual_seed(1)
    projector = moved(Named(PROJECTOR, (EMBED_DIM, WIDTH, WIDTH, WIDTH)))
    predictor = moved(Named(PREDICTOR, (WIDTH, HIDDEN, WIDTH)))
    words = nn.Linear(64, 49409)
    state = state_of(towers("vit"), projector=projector, predictor=predictor, text_label_predictor=words)
    ours, weights = saved(state, tmp_path)
    assert "not in it, and as drawn: auxiliary.queue\n" in capsys.readouterr().out
    np.testing.assert_allclose(np.linalg.norm(weights["auxiliary.queue"], axis=1), 1, rtol=1e-6)
    x = torch.rand(7, EMBED_DIM).double()
    projector, predictor = (module.double().train(training) for module in (projector, predictor))
    with torch.no_grad():
        z = projector(x)
        p = predictor(z)
    assert error(applied(ours, weights, "auxiliary.projector", x.numpy(), training), z.numpy()) < 1e-6
    assert error(applied(ours, weights, "auxiliary.predictor", z.numpy(), training), p.numpy()) < 1e-6
    table, mask = state["encode_text.token_embedding.weight"].numpy(), weights["auxiliary.mask"]
    np.testing.assert_array_equal(mask, table[49406:49407])
    for name in ("weight", "bias"):  # ids of ours, of which the last two are start and end
        theirs = state[f"text_label_predictor.{name}"].numpy()
        np.testing.assert_array_equal(weights[f"auxiliary.words.{name}"], np.delete(theirs, 49406, 0))


def test_the_two_scales_and_maps_of_tokens_are_kept_apart(tmp_path):
    torch.manual_seed(2)
    maps = {"image_mapping": nn.Linear(128, DENSE), "text_mapping": nn.Linear(64, DENSE)}
    words = {"text_label_predictor": nn.Linear(64, 49409)}
    heads = {
        "projector": Named(PROJECTOR, (EMBED_DIM, WIDTH, WIDTH, WIDTH)),
        "predictor": Named(PREDICTOR, (WIDTH, HIDDEN, WIDTH)),
    }
    dense = {"logit_scale_dense": torch.tensor(3.5)}
    model = moved(
        CustomTextCLIP(EMBED_DIM, CLIPVisionCfg(2, 128, 64, patch_size=8, image_size=32), TEXT, quick_gelu=True)
    )
    for parts, prefix, scales in (
        (maps | words, "", {"logit_scale": 3.5}),
        (maps | words | heads, "auxiliary.", {"logit_scale": model.logit_scale.item(), "auxiliary.logit_scale": 3.5}),
    ):
        state = state_of(model, **parts) | dense
        shapes = {name: tuple(x.shape) for name, x in state.items()}
        mapping = declip.configuration(shapes, None)
        part = mapping if "filip" not in mapping else mapping["filip"]
        part["select"] = 4  # a text has 8 ids here
        ours = build(Method, mapping)
        found = convert({name: x.numpy() for name, x in state.items()}, declip.table(ours, shapes), ours)
        assert {name: float(found[name]) for name in scales} == scales
        for side in ("image", "text"):
            wanted = maps[f"{side}_mapping"].weight.detach().numpy()
            np.testing.assert_array_equal(found[f"{prefix}{side}_tokens.weight"], wanted)


def test_slip_s_resnet_has_a_linear_map_behind_its_pool(tmp_path):
    torch.manual_seed(3)
    trunk, head = (
        moved(ModifiedResNet((1, 2, 1, 1), 512, heads=8, image_size=64, width=16)),
        Named(HEAD, (512, WIDTH, WIDTH, 6)),
    )
    head.bn3 = nn.BatchNorm1d(WIDTH)  # it is in the files, and nothing goes through it
    state = state_of(towers("resnet"), "text_encoder", predictor_sim=moved(head))
    state |= {f"visual.{name}": x for name, x in trunk.state_dict().items()}
    ours, weights = saved(state, tmp_path)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        pooled = trunk(images)
        embedded = nn.functional.linear(pooled, state["visual.fc.weight"], state["visual.fc.bias"])
        z = head(pooled)
    engine = backends.load("torch")(ours, weights, AdamW())
    assert error(engine.encode_image(images.numpy()), nn.functional.normalize(embedded).numpy()) < 1e-5
    assert error(engine.apply("encode_features", images.numpy()), pooled.numpy()) < 1e-5
    assert error(applied(ours, weights, "auxiliary.head", pooled.double().numpy()), z.numpy()) < 1e-5


def test_what_is_none_of_their_models_is_refused():
    shapes = {name: tuple(x.shape) for name, x in state_of(towers("vit")).items()}
    assert declip.configuration(shapes, "quick_gelu") == declip.configuration(shapes, None)
    other = {name: shape for name, shape in shapes.items() if "visual.proj" not in name}
    for given, activation, words in (
        (shapes, "gelu", "--activation is gelu, .* leave it out"),
        (other, None, "without visual.proj; expected a model of DeCLIP's repository"),
        (shapes | {"encode_text.token_embedding.weight": (49408, 64)}, None, "has 49408 rows; expected 49409"),
    ):
        with pytest.raises(UserError, match=words):
            declip.configuration(given, activation)
