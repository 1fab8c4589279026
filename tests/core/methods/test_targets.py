"""What is a positive of what: UniCL's labels, and the same as an option of CLIP and PyramidCLIP."""

from dataclasses import replace

import numpy as np
import pytest

from tandemclip.backends.recorder.draws import training_views
from tandemclip.backends.reference.ops import Reference
from tandemclip.core.data.records import Record
from tandemclip.core.data.views.image import CentreView, ImageView
from tandemclip.core.data.views.view import batch_arrays
from tandemclip.core.errors import UserError
from tandemclip.core.methods.clip import CLIP
from tandemclip.core.methods.unicl import UniCL
from tandemclip.core.random import generator
from tandemclip.core.spec import Run, Scope, initial_weights
from tandemclip.core.training.config import read

OPS = Reference()


def method(root, name):
    return read(root / "configs" / "pretrain" / f"tiny_{name}.yaml")[0].method


def batch_of(method, labels):
    """Random pictures and texts; each text view gets these labels."""
    batch, rng = {}, generator("targets")
    for name, (shape, dtype) in batch_arrays(training_views(method), len(labels)).items():
        batch[name] = rng.integers(1, 30, shape) if dtype.kind == "i" else rng.uniform(0.0, 1.0, shape)
        if name.endswith("_label"):
            batch[name] = np.array(labels, np.int32)[:, None] * np.array([1, 0], np.int32)
        if name in ("has_objects", "rois_mask"):
            batch[name] = np.ones(shape)
    return batch


def scope(spec):
    weights = {name: array.astype(float) for name, array in initial_weights(spec, 0).items()}
    return Scope(spec, Run(OPS, weights, True))


def terms_of(method, batch):
    return method(OPS, scope(method), batch, np.zeros(()))


@pytest.mark.parametrize("name", ["clip_vit", "pyramidclip_vit"])
def test_with_a_label_each_nothing_changes(root, name):
    pairs = method(root, name)
    labelled = replace(pairs, targets="labels")
    batch = batch_of(labelled, range(5))
    found, wanted = terms_of(labelled, batch), terms_of(pairs, batch)
    assert found.keys() == wanted.keys() and all(
        found[term] == pytest.approx(wanted[term], rel=1e-9) for term in wanted
    )


@pytest.mark.parametrize("name", ["clip_vit", "pyramidclip_vit"])
def test_a_shared_label_changes_every_term(root, name):
    labelled = replace(method(root, name), targets="texts")
    batch = batch_of(labelled, range(5))
    other = batch | {
        name: np.array([0, 1, 2, 0, 4], np.int32)[:, None] * [1, 0] for name in batch if name.endswith("_label")
    }
    before, after = terms_of(labelled, batch), terms_of(labelled, other)
    assert all(before[term] != after[term] for term in before if term != "logit_scale")


def test_unicl_on_pairs_of_distinct_texts_is_clip(root):
    unicl = replace(method(root, "unicl_swin"), image=replace(method(root, "unicl_swin").image, drop_path=0.0))
    clip = CLIP(unicl.image, unicl.text, unicl.crop, unicl.temperature)
    batch = batch_of(unicl, range(5))
    assert terms_of(unicl, batch)["loss"] == pytest.approx(terms_of(clip, batch)["loss"], rel=1e-9)


def test_the_papers_tau_and_the_released_one(root):
    unicl = method(root, "unicl_swin")
    start = lambda method: float(initial_weights(method, 0)["logit_scale"])
    assert start(unicl) == pytest.approx(1.0) and start(replace(unicl, temperature=1.0)) == 0.0


def test_one_direction_of_two(root):
    unicl = method(root, "unicl_swin")
    batch = batch_of(unicl, [3, 1, 3, 2, 2])
    i2t, t2i, both = (
        terms_of(replace(unicl, directions=d), batch)["loss"] for d in (("i2t",), ("t2i",), ("i2t", "t2i"))
    )
    assert i2t != t2i and both == pytest.approx((i2t + t2i) / 2, rel=1e-9)


@pytest.mark.parametrize("resize", ["antialiased", "pillow_bicubic"])
@pytest.mark.parametrize(
    "name, crop", [("clip_vit", "crop"), ("pyramidclip_vit", "global_crop"), ("unicl_swin", "crop")]
)
def test_pictures_are_evaluated_as_they_were_trained_on(root, name, crop, resize):
    """On Flickr8k at 112 pixels recall was 0.3 and 0.5 points lower otherwise."""
    spec = method(root, name)
    spec = replace(spec, **{crop: replace(getattr(spec, crop), resize=resize, mean=(0.1, 0.2, 0.3), crop_pct=0.8)})
    assert spec.inference_view() == CentreView(32, resize, (0.1, 0.2, 0.3), getattr(spec, crop).std, 0.8)
    spec = replace(spec, **{crop: replace(getattr(spec, crop), crop_pct=1.0)})
    trained = next(view for view in spec.views().values() if isinstance(view, ImageView))
    whole = replace(trained, area=(1.0, 1.0), flip=False, ratio=(1.0, 1.0))
    record = Record("a", generator("photo").integers(0, 256, (40, 40, 3)).astype(np.uint8))
    draw = lambda view: view(record, np.random.default_rng(0), None)[""]
    assert np.array_equal(draw(whole), draw(spec.inference_view()))


def test_nothing_is_dropped_without_draws_or_rate(root):
    tower = method(root, "unicl_swin").image
    assert (
        replace(tower, drop_path=0.0).draws == 0
        and "draws" not in UniCL(replace(tower, drop_path=0.0), method(root, "unicl_swin").text).views()
    )


def test_a_picture_is_mixed_with_its_neighbour(root):
    """Where nothing of its own is left, it is the neighbour, with the neighbour's label."""
    unicl = method(root, "unicl_swin")
    plain = replace(unicl, image=replace(unicl.image, drop_path=0.0))
    mixing = replace(plain, mixup=0.8, cutmix=1.0)
    batch = batch_of(mixing, [3, 1, 3, 2])
    shared = lambda method, batch: method.encode(OPS, scope(method), batch).shared
    whole = shared(plain, {name: array for name, array in batch.items() if name != "mix"})
    kept, swapped = (shared(mixing, batch | {"mix": np.full_like(batch["mix"], share)}) for share in (1.0, 0.0))
    assert np.array_equal(kept["u"], whole["u"]) and (kept["share"] == 1).all()
    assert np.allclose(swapped["u"], whole["u"][[1, 0, 3, 2]]) and (swapped["share"] == 0).all()
    assert np.array_equal(swapped["mixed_y"], whole["y"][[1, 0, 3, 2]]) and np.array_equal(swapped["v"], whole["v"])
    with pytest.raises(UserError, match="has 3 samples; give it an even number"):
        shared(mixing, {name: array[:3] for name, array in batch.items()})


@pytest.mark.parametrize("given, shares", [({"mixup": 0.8}, True), ({"cutmix": 1.0}, True), ({}, False)])
def test_pictures_are_mixed_by_either_rule(root, given, shares):
    assert ("mix" in replace(method(root, "unicl_swin"), **{"mixup": 0.0, "cutmix": 0.0} | given).views()) is shares
