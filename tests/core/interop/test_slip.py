"""facebookresearch/SLIP's checkpoints: every name of the released forms, and features and head of small ones."""

import argparse
import json

import numpy as np
import pytest
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from tandemclip import backends
from tandemclip.backends.reference.ops import Reference
from tandemclip.core.closeness import error
from tandemclip.core.config.build import build
from tandemclip.core.data.tokenizers.clip import ClipTokenizer
from tandemclip.core.data.views.image import CentreView
from tandemclip.core.errors import UserError
from tandemclip.core.interop import slip
from tandemclip.core.interop.adapter import SKIPPED, convert, left_behind
from tandemclip.core.methods.clip import CLIP as OurCLIP
from tandemclip.core.methods.method import Method
from tandemclip.core.methods.slip import SLIP
from tandemclip.core.random import generator
from tandemclip.core.spec import Run, Scope
from tandemclip.core.training import checkpoint
from tandemclip.core.training.config import read
from tandemclip.core.training.update import AdamW
from tandemclip.tools import convert as tool


@pytest.mark.parametrize("name", ["vits16", "vitb16"])
def test_every_public_name_is_mapped_once_and_gives_what_ships_for_training(shared, root, name):
    shapes = json.loads((shared / "state_dicts" / f"slip_{name}.json").read_text())
    shapes = {name: tuple(shape) for name, shape in shapes.items()}
    ours = build(Method, slip.configuration(shapes, None))
    table = slip.table(ours, shapes)
    found = convert({n: np.broadcast_to(np.zeros((), np.float32), s) for n, s in shapes.items()}, table, ours)
    assert {n: a.shape for n, a in found.items()} == {n: item.shape for n, item in ours.declared().items()}
    assert {row.theirs for row in table} == {n for n in shapes if n.rpartition(".")[2] not in SKIPPED}
    assert left_behind(table) == []
    assert ours == read(root / "configs" / "pretrain" / f"slip_{name}_yfcc15m_v2.yaml")[0].method


# ------------------------------------------------------------------ a small one, with values
class Model(nn.Module):
    """timm's vision transformer beside CLIP's text tower, under SLIP's names; the text comes from open_clip's class."""

    def __init__(self, head):
        super().__init__()
        text = CLIPTextCfg(context_length=8, vocab_size=49408, width=64, heads=1, layers=2)
        vision = CLIPVisionCfg(layers=1, width=64, head_width=64, patch_size=8, image_size=16)
        self.text = CLIP(24, vision, text, quick_gelu=True)
        self.visual = VisionTransformer(32, 8, num_classes=0, embed_dim=128, depth=2, num_heads=2)
        self.image_projection = nn.Parameter(torch.randn(128, 24))
        widths = (128, 20, 20, 6)
        for i in range(3 if head else 0):
            setattr(self, f"layer{i + 1}", nn.Linear(*widths[i : i + 2]))
        for i in range(2 if head else 0):
            setattr(self, f"bn{i + 1}", nn.BatchNorm1d(20))
        with torch.no_grad():
            for tensor in self.state_dict().values():
                if tensor.is_floating_point() and tensor.ndim == 1:  # norms and statistics start as ones and zeros
                    tensor.add_(torch.rand_like(tensor) * 0.5)
        self.eval()

    def head(self, x):
        return self.layer3(self.bn2(self.layer2(self.bn1(self.layer1(x)).relu())).relu())

    def released(self):
        """The state dict as the released code saves it."""
        state, text = self.state_dict(), self.text.state_dict()
        own = {name: x for name, x in state.items() if name.startswith("visual.") or name == "image_projection"}
        head = {f"image_mlp.{name}": x for name, x in state.items() if name.startswith(("layer", "bn"))}
        texts = {name: x for name, x in text.items() if not name.startswith("visual.")}
        state = own | head | texts
        return {f"module.{name}": x.clone() for name, x in state.items()}


def saved(state, folder):
    content = {
        "epoch": 25,
        "state_dict": state,
        "optimizer": {},
        "args": argparse.Namespace(model="SLIP_VITB16", lr=3e-3),
    }
    torch.save(content, folder / "slip_base.pt")
    assert tool.main(["--from", "slip", str(folder / "slip_base.pt"), str(folder / "run")]) == 0
    saved = checkpoint.load(checkpoint.resolve(folder / "run"))
    return build(Method, saved.state["config"]["method"]), saved.model


@pytest.mark.parametrize("backend, modes", [("torch", {}), ("mindspore", {"eager": True})])
@pytest.mark.parametrize("head", [False, True])
def test_features_and_head_are_theirs(tmp_path, head, backend, modes):
    torch.manual_seed(0)
    theirs = Model(head)
    ours, weights = saved(theirs.released(), tmp_path)
    assert type(ours) is (SLIP if head else OurCLIP)
    images = generator("slip").standard_normal((2, 3, 32, 32)).astype(np.float32)
    ids = ClipTokenizer()(["a red seven", "two dogs play in the snow"], 8)
    with torch.no_grad():
        pooled = theirs.visual(torch.from_numpy(images))
        u = nn.functional.normalize(pooled @ theirs.image_projection)
        v = theirs.text.encode_text(torch.from_numpy(ids).long(), normalize=True)
    engine = backends.load(backend)(ours, weights, AdamW(), **modes)
    assert error(engine.apply("encode_features", images), pooled.numpy()) < 1e-5
    assert error(engine.encode_image(images), u.numpy()) < 1e-5 and error(engine.encode_text(ids), v.numpy()) < 1e-5
    view = CentreView(32, "antialiased", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert ours.inference_view() == view and weights["logit_scale"] == theirs.text.logit_scale.item()


def test_the_head_is_theirs(tmp_path):
    torch.manual_seed(1)
    theirs = Model(True)
    ours, weights = saved(theirs.released(), tmp_path)
    x = torch.rand(5, 128)
    run = Run(Reference(), {name: array.astype(np.float64) for name, array in weights.items()}, False)
    with torch.no_grad():
        assert error(Scope(ours, run).child("auxiliary.head")(x.double().numpy()), theirs.head(x).numpy()) < 1e-5


def test_what_is_none_of_their_models_is_refused():
    shapes = {name.removeprefix("module."): tuple(x.shape) for name, x in Model(False).released().items()}
    with pytest.raises(UserError, match="--activation is gelu, .* leave it out"):
        slip.configuration(shapes, "gelu")
    del shapes["image_projection"]
    with pytest.raises(UserError, match="without image_projection; expected .* --from declip"):
        slip.configuration(shapes, None)
