"""Both crops of a picture in one pass of the image tower, or in two: what a BatchNorm sees of them."""

from dataclasses import replace

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.backends.recorder.draws import training_views
from tandemclip.backends.reference.ops import Reference
from tandemclip.core.data.views.view import batch_arrays
from tandemclip.core.methods.features import START
from tandemclip.core.methods.pyramidclip import PairWeights
from tandemclip.core.random import generator
from tandemclip.core.spec import Run, Scope, initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.global_batch import backward
from tandemclip.core.training.update import AdamW

OPS = Reference()
WEIGHTS = PairWeights(
    **dict.fromkeys(("GS", "LT"), 0.5), **dict.fromkeys(("GT", "GA", "LS", "LA", "RS", "RT", "RA"), 0.0)
)


@pytest.fixture
def tiny(root):
    """Two pairs, two blocks, with LeFFs or none: what a first one gives to patches reaches the token that is read."""

    def tiny(leff_depth=2, **changed):
        method = read(root / "configs" / "pretrain" / "tiny_pyramidclip_vit.yaml")[0].method
        image = replace(method.image, layers=2, leff_depth=leff_depth)
        return replace(method, image=image, text=replace(method.text, layers=1), weights=WEIGHTS, **changed)

    return tiny


def batch_of(method):
    """The crops of one picture differ widely, so that their statistics do."""
    rng, batch = generator("joint"), {}
    for name, (shape, dtype) in batch_arrays(training_views(method), 4).items():
        batch[name] = rng.integers(1, 30, shape) if dtype.kind == "i" else rng.standard_normal(shape)
        batch[name] = (batch[name] + 3.0 * (name == "image_local")).astype(dtype)
    return batch


def weights_of(method):
    """Initial ones with noise, so that no branch is zero."""
    noise = lambda name, array: 0.1 * generator("joint", name).standard_normal(array.shape)
    return {name: (array + noise(name, array)).astype(np.float32) for name, array in initial_weights(method, 0).items()}


def scope_of(method, weights):
    return Scope(method, Run(OPS, {name: array.astype(float) for name, array in weights.items()}, True))


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_joint_views_are_one_batch_and_others_are_two(tiny):
    method = tiny()
    batch, weights = batch_of(method), weights_of(method)
    crops = [batch[f"image_{name}"].astype(float) for name in ("global", "local")]
    for joint in (True, False):
        scope, other = (scope_of(replace(method, joint_views=joint), weights) for _ in range(2))
        found = scope.encode(batch).shared
        if joint:
            wanted = np.split(other.image(np.concatenate(crops)), 2)
        else:
            wanted = [other.image(crop) for crop in crops]
        for level, features in zip("GL", wanted):
            assert np.abs(found[level] - unit(features)).max() < 1e-12
        written, right = scope.run.updates, other.run.updates
        assert written.keys() == right.keys() == {name for name, _ in method.all_buffers()}
        assert all(np.abs(written[name] - right[name]).max() < 1e-12 for name in written)


def test_without_a_batchnorm_nothing_changes(tiny):
    method = tiny(leff_depth=0)
    batch, weights = batch_of(method), weights_of(method)
    terms = [scope_of(replace(method, joint_views=joint), weights)(batch, START) for joint in (True, False)]
    for name, term in terms[0].items():
        assert term == pytest.approx(terms[1][name], rel=1e-12)


@pytest.mark.parametrize("engine", ["torch", "mindspore"])
def test_engines_agree_on_joint_views(tiny, engine):
    joint = tiny(joint_views=True)
    batch, weights = batch_of(joint), weights_of(joint)
    one, two = (scope_of(method, weights)(batch, START) for method in (joint, replace(joint, joint_views=False)))
    assert abs(one["loss"] - two["loss"]) > 1e-3
    found = backward(backends.load(engine)(joint, weights, AdamW()), batch, START)
    assert found.terms == pytest.approx({name: float(term) for name, term in one.items()}, rel=1e-5)


def test_six_pairs_count_equally_unless_told_otherwise():
    """GS and LT of one level each; GA and RS, LA and RT across levels (section 3 and appendix F)."""
    assert PairWeights().used == dict.fromkeys(("GS", "GA", "LT", "LA", "RS", "RT"), 1 / 6)
