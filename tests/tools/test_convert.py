"""Converted open_clip models give open_clip's features, on both engines; what cannot be converted is refused."""

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg, CustomTextCLIP

from tandemclip import backends
from tandemclip.core.closeness import error
from tandemclip.core.config.build import build
from tandemclip.core.data.tokenizers.tokenizer import from_json
from tandemclip.core.interop import unicl
from tandemclip.core.interop.adapter import export
from tandemclip.core.methods.method import Method
from tandemclip.core.methods.unicl import UniCL
from tandemclip.core.spec import initial_weights
from tandemclip.core.towers.swin import SwinTransformer
from tandemclip.core.towers.text import TextTransformer
from tandemclip.core.training import checkpoint
from tandemclip.core.training.update import AdamW
from tandemclip.tools import convert

TEXT = CLIPTextCfg(context_length=8, vocab_size=49408, width=64, heads=1, layers=2)
VIT = CLIPVisionCfg(layers=2, width=128, head_width=64, patch_size=8, image_size=32)
RESNET = CLIPVisionCfg(layers=(1, 2, 1, 1), width=16, head_width=64, image_size=64)


def open_clip_model(kind, vision, quick_gelu, seed=0):
    torch.manual_seed(seed)
    model = kind(24, vision, TEXT, quick_gelu=quick_gelu)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point() and tensor.ndim == 1:  # norms and statistics start as ones and zeros
                tensor.add_(torch.rand_like(tensor) * 0.5)
    return model.eval()


MODELS = {
    "vit-quick_gelu": (CLIP, VIT, True),
    "vit-gelu": (CLIP, VIT, False),
    "resnet-quick_gelu": (CLIP, RESNET, True),
    "custom_text-gelu": (CustomTextCLIP, VIT, False),
}


@pytest.fixture(scope="module", params=MODELS)
def converted(request, tmp_path_factory):
    """(open_clip's model, the folder it was converted to)"""
    folder, activation = tmp_path_factory.mktemp("convert"), request.param.split("-")[1]
    model = open_clip_model(*MODELS[request.param])
    source = folder / "model.safetensors"
    safetensors.torch.save_file(model.state_dict(), source)
    assert convert.main(["--from", "open_clip", str(source), str(folder / "run"), "--activation", activation]) == 0
    return model, folder / "run"


def rebuilt(run):
    """The model that a checkpoint describes."""
    saved = checkpoint.load(checkpoint.resolve(run))
    assert saved.step == 0 and saved.optimizer == {}
    assert saved.state["config"]["tokenizer"] == {"type": "clip_bpe"}
    return build(Method, saved.state["config"]["method"]), saved


@pytest.mark.parametrize("backend, modes", [("torch", {}), ("mindspore", {"eager": True})])
def test_features_are_open_clip_s(converted, backend, modes):
    model, run = converted
    method, saved = rebuilt(run)
    assert method.inference_view().resize == "pillow_bicubic"
    tokenizer = from_json(saved.state["tokenizer"])
    ids = tokenizer(["a red seven", "two dogs play in the snow, and a third one watches them from afar"], 8)
    shape = (2, 3, method.image.resolution, method.image.resolution)
    images = np.random.default_rng(0).standard_normal(shape, np.float32)
    with torch.no_grad():
        u = model.encode_image(torch.from_numpy(images), normalize=True).numpy()
        v = model.encode_text(torch.from_numpy(ids).long(), normalize=True).numpy()
    engine = backends.load(backend)(method, saved.model, AdamW(), **modes)
    assert error(engine.encode_image(images), u) < 1e-5
    assert error(engine.encode_text(ids), v) < 1e-5
    assert saved.model["logit_scale"] == model.logit_scale.item()


def test_the_other_activation_gives_other_features(converted):
    """Else the comparison above would not notice the one mistake that names and shapes do not show."""
    method, saved = rebuilt(converted[1])
    other = {"quick_gelu": "gelu", "gelu": "quick_gelu"}[method.text.activation]
    wrong = replace(method, text=replace(method.text, activation=other))
    ids = from_json(saved.state["tokenizer"])(["a red seven"], 8)
    right, wrong = (backends.load("torch")(m, saved.model, AdamW()).encode_text(ids) for m in (method, wrong))
    assert error(wrong, right) > 1e-3


def test_torch_files_are_read_too(tmp_path):
    model = open_clip_model(*MODELS["vit-gelu"])
    state = {f"module.{name}": tensor for name, tensor in model.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state, "optimizer": {"lr": 0.1}}, tmp_path / "epoch_3.pt")
    torch.save(model.half().state_dict(), tmp_path / "half.bin")
    found = []
    for name in ("epoch_3.pt", "half.bin"):
        run = tmp_path / name.split(".")[0]
        assert convert.main(["--from", "open_clip", str(tmp_path / name), str(run), "--activation", "gelu"]) == 0
        found.append(rebuilt(run)[1].model)
    whole, half = found
    assert whole.keys() == half.keys() and all(array.dtype == np.float32 for array in half.values())
    assert all(np.array_equal(whole[name].astype(np.float16), half[name]) for name in whole)


@pytest.mark.parametrize("form", ["tensors", "numbers", "safetensors"])
def test_what_openai_s_files_say_beside_their_arrays(tmp_path, form, capsys):
    """`input_resolution`, `context_length` and `vocab_size`; and the temperature as some trainers save it."""
    state = open_clip_model(*MODELS["vit-gelu"]).state_dict()
    state["logit_scale"] = state["logit_scale"].reshape(1)
    told = {"input_resolution": 32, "context_length": 8, "vocab_size": 49408}
    if form != "numbers":
        told = {name: torch.tensor(number) for name, number in told.items()}
    source = tmp_path / ("some.safetensors" if form == "safetensors" else "some.pt")
    write = safetensors.torch.save_file if form == "safetensors" else torch.save
    write(state | told, source)
    given = ["--from", "open_clip", str(source), "--activation", "gelu"]
    assert convert.main([*given[:3], str(tmp_path / "run"), *given[3:]]) == 0
    said = capsys.readouterr().out
    assert "image.heads 2, image.activation gelu" in said and "text.heads 1" in said and "resize pillow_bicubic" in said
    assert rebuilt(tmp_path / "run")[1].model["logit_scale"] == state["logit_scale"].item()
    wrong = told | {"context_length": torch.tensor(77) if form != "numbers" else 77}
    write(state | wrong, source)
    refused(capsys, source, tmp_path / "out", "context_length is 77", "shapes of its arrays say 8")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("wrapper", ["_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_names_of_wrappers_are_taken_off(tmp_path, wrapper):
    state = {f"{wrapper}{name}": x for name, x in open_clip_model(*MODELS["vit-gelu"]).state_dict().items()}
    safetensors.torch.save_file(state, tmp_path / "some.safetensors")
    given = ["--from", "open_clip", str(tmp_path / "some.safetensors"), str(tmp_path / "run"), "--activation", "gelu"]
    assert convert.main(given) == 0


class Evil:
    def __reduce__(self):
        return (print, ("run by a pickle",))


def refused(capsys, source, destination, *words):
    assert convert.main(["--from", "open_clip", str(source), str(destination), "--activation", "gelu"]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    assert all(word in captured.err for word in words), captured.err


def test_what_cannot_be_converted_is_refused(tmp_path, capsys):
    state = open_clip_model(*MODELS["vit-gelu"]).state_dict()
    out = tmp_path / "out"

    def attempt(state, *words):
        source = tmp_path / "some.safetensors"
        safetensors.torch.save_file(state, source)
        refused(capsys, source, out, *words)
        assert not out.exists()

    attempt(state | {"logit_bias": torch.zeros(())}, "not expected", "logit_bias")
    attempt({n: t for n, t in state.items() if n != "visual.ln_pre.bias"}, "missing", "visual.ln_pre.bias")
    attempt({n: t for n, t in state.items() if n != "visual.proj"}, "visual.proj", "CLIP's own towers")
    attempt(state | {"token_embedding.weight": torch.zeros(99, 64)}, "99 ids", "49408")
    attempt(state | {"visual.ln_pre.bias": torch.zeros(3)}, "shape", "visual.ln_pre.bias")
    for value in (float("nan"), float("inf")):
        attempt(state | {"visual.proj": state["visual.proj"] * value}, "visual.proj: of", "not finite")


def test_what_cannot_be_read_is_refused(tmp_path, capsys):
    def attempt(name, *words):
        refused(capsys, tmp_path / name, tmp_path / "out", *words)

    attempt("absent.safetensors", "absent.safetensors", "cannot be read")
    attempt("absent.pt", "absent.pt", "cannot be read")
    (tmp_path / "torn.safetensors").write_bytes(b"\x08\x00")
    attempt("torn.safetensors", "torn.safetensors")
    safetensors.torch.save_file({"a": torch.zeros(2, dtype=torch.bfloat16)}, tmp_path / "bfloat16.safetensors")
    attempt("bfloat16.safetensors", "bfloat16.safetensors", "float32")
    (tmp_path / "text.pt").write_text("no tensors")
    attempt("text.pt", "text.pt")
    torch.save({"state_dict": {1: torch.zeros(2)}}, tmp_path / "numbered.pt")
    attempt("numbered.pt", "numbered.pt holds an array by the key 1, expected names; give it a state dict")
    torch.save([torch.zeros(2)], tmp_path / "list.pt")
    attempt("list.pt", "list")
    (tmp_path / "evil.pt").write_bytes(pickle.dumps({"state_dict": Evil()}))
    attempt("evil.pt", "evil.pt")
    torch.save({"state_dict": Evil()}, tmp_path / "evil_zip.pt")
    attempt("evil_zip.pt", "evil_zip.pt", "print", "nothing of it was run")
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "archive.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # torch's own would stand beside ours
        attempt("archive.pt", "archive.pt is a TorchScript archive", "nothing was run", "state_dict()")


def test_nothing_is_overwritten(converted, tmp_path, capsys):
    model, run = converted
    before = sorted((path, path.stat().st_mtime_ns) for path in run.rglob("*"))
    safetensors.torch.save_file(model.state_dict(), tmp_path / "again.safetensors")
    refused(capsys, tmp_path / "again.safetensors", run, "already")
    assert sorted((path, path.stat().st_mtime_ns) for path in run.rglob("*")) == before


def test_the_activation_is_asked_for(tmp_path, capsys):
    safetensors.torch.save_file(open_clip_model(*MODELS["vit-gelu"]).state_dict(), tmp_path / "some.safetensors")
    assert convert.main(["--from", "open_clip", str(tmp_path / "some.safetensors"), str(tmp_path / "out")]) == 2
    assert "--activation is missing" in capsys.readouterr().err


# ------------------------------------------------------------------ UniCL
def unicl_file(path, within=None):
    """A checkpoint as the released ones: their names, with the tables that follow from the window."""
    swin = SwinTransformer(56, 24, 16, (2, 1), (1, 2), 7)  # of 14 x 14 and 7 x 7 tokens
    text = TextTransformer(49408, 8, 64, 2, 1, 24, eps=1e-12, initial="0.02")
    method = UniCL(swin, text)
    weights = initial_weights(method, 3)
    state = {
        name: torch.from_numpy(array.copy()) for name, array in export(weights, unicl.table(method), method).items()
    }
    state["image_encoder.layers.0.blocks.1.attn_mask"] = torch.zeros(4, 49, 49)
    torch.save(state if within is None else {within: state, "epoch": 3}, path)
    return method, weights


@pytest.mark.parametrize("within", [None, "model"])
def test_released_unicl_s_are_taken_over(tmp_path, within):
    method, weights = unicl_file(tmp_path / "swin.pth", within)
    assert convert.main(["--from", "unicl", str(tmp_path / "swin.pth"), str(tmp_path / "run")]) == 0
    found, saved = rebuilt(tmp_path / "run")
    assert (found.image, found.text) == (method.image, method.text)
    assert (
        all(np.array_equal(saved.model[name], array) for name, array in weights.items())
        and saved.model.keys() == weights.keys()
    )
    view = found.inference_view()
    assert (view.resize, view.crop_pct, view.mean[0], view.std[2]) == ("pillow_bicubic", 0.875, 0.485, 0.225)


def test_a_unicl_of_numbers_that_are_not_finite_is_refused(tmp_path, capsys):
    unicl_file(tmp_path / "swin.pth")
    state = torch.load(tmp_path / "swin.pth")
    state["image_projection"][0, 0] = float("nan")
    torch.save({"model": state}, tmp_path / "nan.pth")
    assert convert.main(["--from", "unicl", str(tmp_path / "nan.pth"), str(tmp_path / "out")]) == 2
    assert "image_projection: of" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_what_is_no_released_unicl_is_refused(tmp_path, capsys):
    unicl_file(tmp_path / "swin.pth")
    state = torch.load(tmp_path / "swin.pth")
    torch.save({n: x for n, x in state.items() if "attn_mask" not in n}, tmp_path / "less.pth")
    torch.save({n.replace("text_encoder", "lang_encoder"): x for n, x in state.items()}, tmp_path / "other.pth")
    for name, more, words in (
        ("less.pth", (), ["without image_encoder.layers.0.blocks.1.attn_mask; expected"]),
        ("other.pth", (), ["without text_encoder.token_embedding.weight, text_encoder.positional_embedding"]),
        ("swin.pth", ("--activation", "gelu"), ["--activation is gelu", "leave it out"]),
    ):
        assert convert.main(["--from", "unicl", str(tmp_path / name), str(tmp_path / "out"), *more]) == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1 and all(word in told for word in words) and not (tmp_path / "out").exists()
