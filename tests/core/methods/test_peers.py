"""Multi-task and SupCon: their terms are the objectives' of what their towers give, over the samples that count."""

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.backends.recorder.draws import training_views
from tandemclip.backends.reference.ops import Reference
from tandemclip.core.data.records import BrokenRecord, Record
from tandemclip.core.data.views.label import ClassView
from tandemclip.core.data.views.view import batch_arrays
from tandemclip.core.methods.features import START
from tandemclip.core.objectives.cross_entropy import cross_entropy
from tandemclip.core.objectives.infonce import infonce
from tandemclip.core.objectives.supcon import supcon
from tandemclip.core.random import generator
from tandemclip.core.spec import Draws, initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.global_batch import backward
from tandemclip.core.training.update import AdamW
from tandemclip.tools import train

LABELS = [3, -1, -1, 3, 5, -1, 2, -1]


def method(root, name):
    return read(root / "configs" / "pretrain" / f"tiny_{name}_swin.yaml")[0].method


def batch_of(method, labels):
    rng, batch = generator("peers"), {}
    for name, (shape, dtype) in batch_arrays(training_views(method), len(labels)).items():
        batch[name] = (rng.integers(1, 30, shape) if dtype.kind == "i" else rng.uniform(0.0, 1.0, shape)).astype(dtype)
    labels = np.array(labels, np.int32)
    return batch | ({"label": labels} if "label" in batch else {"class": np.stack([labels * 0, labels], 1)})


def engine_of(method, name="judge"):
    make = backends.load("torch").float64 if name == "judge" else backends.load(name)
    return make(method, initial_weights(method, 0), AdamW())


def test_multi_task_is_cross_entropy_of_the_classes_and_clip_of_the_captions(root):
    spec = method(root, "multi_task")
    engine, batch = engine_of(spec), batch_of(spec, LABELS)
    given = engine._tensors(batch)
    scope = engine.model.scope(True, draws=Draws(given["draws"]))
    images, texts = scope.image(given["image"]), scope.text(given["text"])
    ops, known = engine.ops, np.array(LABELS) >= 0
    logits = scope.child("auxiliary.classifier")(images)
    total, count = cross_entropy(ops, logits[known], given["label"][known])
    u, v = (x[~known] / x[~known].norm(dim=1, keepdim=True) for x in (images, texts))
    found = engine.backward(batch, START).terms
    assert found["cross_entropy"] == pytest.approx((total / count).item(), rel=1e-9) and count.item() == 4
    assert found["clip"] == pytest.approx(infonce(ops, u, v, ops.exp(scope["logit_scale"])).item(), rel=1e-9)
    assert found["loss"] == pytest.approx(found["cross_entropy"] + found["clip"], rel=1e-12)
    assert spec.paired(batch).tolist() == [label < 0 for label in LABELS]


def test_a_picture_of_the_first_class_has_no_caption(root):
    spec = method(root, "multi_task")
    assert spec.paired(batch_of(spec, [0, -1, 1])).tolist() == [False, True, False]


def test_supcon_is_its_objective_over_two_crops(root):
    spec = method(root, "supcon")
    engine, batch = engine_of(spec), batch_of(spec, [3, 1, 3, 2])
    given, views = engine._tensors(batch), []
    scope = engine.model.scope(True, draws=Draws(given["draws"]))
    for name in ("one", "other"):
        x = scope.child("auxiliary.hidden")(scope.image(given[f"image_{name}"])).clamp_min(0)
        z = scope.child("auxiliary.output")(x)
        views.append((z / z.norm(dim=1, keepdim=True)).detach().numpy())
    wanted = supcon(Reference(), views, batch["class"], 10.0)
    assert engine.backward(batch, START).terms["loss"] == pytest.approx(float(wanted), rel=1e-9)


@pytest.mark.parametrize("name, labels", [("multi_task", LABELS), ("supcon", [3, 1, 3, 2, 2, 2, 0, 1])])
@pytest.mark.parametrize("engine, limit", [("judge", 1e-12), ("mindspore", 2e-5)])
def test_pieces_are_the_whole(root, name, labels, engine, limit):
    spec = method(root, name)
    engine, batch = engine_of(spec, engine), batch_of(spec, labels)
    whole, parts = engine.backward(batch, START), backward(engine, batch, START, accumulate=4)
    assert parts.terms == pytest.approx(whole.terms, rel=limit)
    one, other = engine.named_gradients(whole), engine.named_gradients(parts)
    largest = max(np.abs(gradient).max() for gradient in one.values())
    assert all(np.abs(one[n] - other[n]).max() <= limit * largest for n in one)


def test_supcon_needs_a_class():
    with pytest.raises(BrokenRecord, match="it has no class"):
        ClassView()(Record("a", np.zeros((4, 4, 3), np.uint8)), None, None)


@pytest.mark.parametrize(
    "name, numbered", [("multi_task_swin", True), ("cross_entropy_resnet", True), ("supcon_swin", False)]
)
def test_classes_of_two_sources_are_not_taken_for_one_another(root, tmp_path, capsys, name, numbered):
    scenes = "{type: scenes, size: 32, count: 40, digits: 1}"
    given = [
        "--config",
        str(root / "configs" / "pretrain" / f"tiny_{name}.yaml"),
        "--out",
        str(tmp_path / "run"),
        "--set",
    ]
    given += ["training.steps=2", f"data.train={{type: together, sources: [{scenes}, {scenes}]}}"]
    assert train.main(given) == (2 if numbered else 0)
    assert ("has the classes of 2 sources" in capsys.readouterr().err) == numbered


@pytest.mark.parametrize("name", ["multi_task", "supcon"])
def test_it_trains(root, tmp_path, name):
    given = ["--config", str(root / "configs" / "pretrain" / f"tiny_{name}_swin.yaml"), "--out", str(tmp_path / "run")]
    assert train.main([*given, "--set", "training.steps=3", "data.train.count=40"]) == 0


def test_one_set_of_towers_serves_all_of_them(root):
    """What is compared differs in the objective alone."""
    unicl, both, pairs = (method(root, name) for name in ("unicl", "multi_task", "supcon"))
    assert unicl.image == both.image == pairs.image and unicl.text == both.text
