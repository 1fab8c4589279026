"""Cross-entropy against torch's own; top-1 against counting; what does not fit is told."""

import json
import re

import numpy as np
import pytest
import torch

from tandemclip import backends
from tandemclip.backends.recorder.draws import training_views
from tandemclip.core.config.build import build
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.views.view import batch_arrays
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.fitting import Fitting
from tandemclip.core.methods.features import START
from tandemclip.core.methods.method import Method
from tandemclip.core.random import generator
from tandemclip.core.serving.model import Model
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.global_batch import backward
from tandemclip.core.training.update import AdamW
from tandemclip.tools import train

SWIN = {
    "type": "swin",
    "resolution": 32,
    "patch": 4,
    "width": 8,
    "depths": [1, 1],
    "heads": [1, 1],
    "window": 4,
    "embed_dim": 10,
}


@pytest.fixture
def path(root):
    return root / "configs" / "pretrain" / "tiny_cross_entropy_resnet.yaml"


def batch_of(method, labels):
    rng = generator("cross entropy")
    batch = {
        n: rng.standard_normal(shape).astype(dtype)
        for n, (shape, dtype) in batch_arrays(training_views(method), len(labels)).items()
    }
    return batch | {"label": np.array(labels, np.int32)}


@pytest.mark.parametrize("labels", [[3, 1, 9, 0, 0, 2], [3, -1, 9, -1, -1, 2], [-1] * 6])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_torchs(path, labels, smoothing):
    method = read(path, {"method": {"smoothing": smoothing}})[0].method
    engine = backends.load("torch").float64(method, initial_weights(method, 0), AdamW())
    batch = batch_of(method, labels)
    scope = engine.model.scope(True)
    scores = scope.image(torch.from_numpy(batch["image"]).double()) + scope["bias"]
    wanted = torch.nn.functional.cross_entropy(
        scores, torch.tensor(labels), ignore_index=-1, reduction="sum", label_smoothing=smoothing
    ) / max(1, sum(label >= 0 for label in labels))
    assert engine.backward(batch, START).terms["loss"] == pytest.approx(wanted.item(), rel=1e-6, abs=1e-12)


def test_a_mixed_picture_has_the_classes_of_both(path):
    """Torch's loss of both classes, by their shares; of a picture without a class nothing."""
    method = read(path, {"method": {"mixup": 0.8, "cutmix": 1.0, "smoothing": 0.1}})[0].method
    engine = backends.load("torch").float64(method, initial_weights(method, 0), AdamW())
    labels, share = [3, 1, -1, 5, -1, -1], np.array([0.3, 0.9, 0.25, 0.5, 0.1, 0.7])
    batch = batch_of(method, labels)
    batch["mix"] = np.broadcast_to(share[:, None, None, None], batch["mix"].shape).astype(np.float32)
    scope, share = engine.model.scope(True), torch.from_numpy(batch["mix"][:, 0, 0, 0]).double()
    images, other = torch.from_numpy(batch["image"]).double(), [1, 0, 3, 2, 5, 4]
    own = share[:, None, None, None]
    scores = scope.image(images * own + images[other] * (1 - own)) + scope["bias"]
    first, second = torch.tensor(labels), torch.tensor(labels)[other]
    each = lambda target: torch.nn.functional.cross_entropy(
        scores, target, ignore_index=-1, reduction="none", label_smoothing=0.1
    )
    count = (share * (first >= 0) + (1 - share) * (second >= 0)).sum()
    wanted = ((share * each(first) + (1 - share) * each(second)).sum() / count).item()
    assert engine.backward(batch, START).terms["loss"] == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("engine, limit", [("judge", 1e-12), ("mindspore", 1e-5)])
def test_pieces_with_uneven_labels_are_the_whole(engine, limit):
    method = build(Method, {"type": "cross_entropy", "image": SWIN})  # no BatchNorm, which sees pieces
    make = backends.load("torch").float64 if engine == "judge" else backends.load("mindspore")
    engine = make(method, initial_weights(method, 0), AdamW())
    batch = batch_of(method, [3, -1, -1, -1, 5, 1, 2, 7])
    whole, parts = engine.backward(batch, START), backward(engine, batch, START, accumulate=4)
    assert parts.terms["loss"] == pytest.approx(whole.terms["loss"], rel=limit)
    one, other = engine.named_gradients(whole), engine.named_gradients(parts)
    assert all(np.abs(one[n] - other[n]).max() <= limit * max(1e-3, np.abs(one[n]).max()) for n in one)


@pytest.mark.parametrize("backend", ["torch", "mindspore"])
def test_top1(path, backend):
    config, source = read(path)[0], Scenes(size=32, count=23, split="held_out")
    engine = backends.load(backend)(config.method, initial_weights(config.method, 1), AdamW())
    found = Fitting(source).measure(Model(engine, config.method, None, batch_size=8))["top1"]
    images = np.stack([config.method.inference_view()(source[i], None, None)[""] for i in range(23)])
    labels = [source[i].label for i in range(23)]
    answers = engine.apply("classify", images).argmax(1)
    assert found.right.tolist() == [label is not None and label == answer for label, answer in zip(labels, answers)]
    assert found.asked.tolist() == [label is not None for label in labels]
    with pytest.raises(UserError, match="CrossEntropy reads no texts"):
        Model(engine, config.method, None).encode_texts(["one"])


def test_a_method_of_texts_needs_them(root):
    mapping = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")[1]["method"]
    with pytest.raises(UserError, match="text is missing; CLIP needs it"):
        build(Method, {name: value for name, value in mapping.items() if name != "text"})


def test_it_trains_and_is_evaluated(path, tmp_path):
    given = ["--config", str(path), "--out", str(tmp_path / "run"), "--set", "training.steps=3", "data.train.count=40"]
    assert train.main(given) == 0
    assert "top1" in json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert train.main([*given, "--resume"]) == 0


@pytest.mark.parametrize(
    "change, told",
    [
        ("data.tokenizer={type: clip_bpe}", "CrossEntropy reads no text; leave it out"),
        ("method.image.embed_dim=4", "has class [4-9], and the method has 4, counted from 0"),
    ],
)
def test_what_does_not_fit_is_one_sentence(path, tmp_path, capsys, change, told):
    assert train.main(["--config", str(path), "--out", str(tmp_path / "run"), "--set", change]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and re.search(told, error)
