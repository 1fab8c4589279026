"""Stochastic depth: which branches of which samples are lost, and which of the host's numbers decide it."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from tandemclip.backends.recorder.draws import drawn, training_views
from tandemclip.backends.reference.ops import Reference
from tandemclip.core.config.yaml_text import Whole
from tandemclip.core.data.views.label import LabelView
from tandemclip.core.errors import UserError
from tandemclip.core.layers.drop_path import DropPath
from tandemclip.core.methods.method import ImagesOnly
from tandemclip.core.random import generator
from tandemclip.core.spec import Constant, Draws, Parameter, Run, Scope, Spec, initial_weights
from tandemclip.core.training.config import read

OPS = Reference()


def tower_of(root, **fields):
    config, _ = read(root / "configs" / "pretrain" / "tiny_unicl_swin.yaml")
    return replace(config.method.image, **fields)


def run(spec, weights, x, draws):
    """In training with `draws`, at inference with None."""
    training = Run(OPS, weights, draws is not None, draws=None if draws is None else Draws(draws))
    return Scope(spec, training)(x)


def test_a_branch_is_lost_below_the_rate_and_scaled_up_above_it():
    x = generator("branch").standard_normal((3, 2, 4))
    found = run(DropPath(0.25), {}, x, np.array([[0.2], [0.25], [0.9]]))
    assert not found[0].any() and not found[1].any()  # a number equal to the rate is not above it
    np.testing.assert_allclose(found[2], x[2] / 0.75, rtol=1e-15)


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_nothing_is_lost_at_inference_or_at_rate_0(rate):
    x = generator("branch").standard_normal((2, 3))
    assert run(DropPath(rate), {}, x, None) is x
    if not rate:
        assert run(DropPath(rate), {}, x, np.zeros((2, 1))) is x


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_a_rate_is_a_chance(rate):
    with pytest.raises(ValueError, match="from 0 to below 1"):
        DropPath(rate)


def test_swin_loses_whole_branches_of_a_sample(root):
    """The last block's branches at a rate of 1/2, the first block's at 0: their numbers are drawn, to no effect."""
    tower = tower_of(root, depths=[1, 1], drop_path=0.5)
    weights = {name: array.astype(float) for name, array in initial_weights(tower, 0).items()}
    images = np.tile(generator("drop path").standard_normal((1, 3, 32, 32)), (3, 1, 1, 1))
    draws = np.array([[0.1, 0.1, 0.4, 0.4], [0.9, 0.9, 0.6, 0.6], [0.1, 0.9, 0.6, 0.4]])
    neither, twice, first = run(tower, weights, images, draws)
    others = np.array([[0.0, 0.9, 0.49, 0.2], [0.1, 0.3, 0.51, 0.99], [0.5, 0.5, 0.7, 0.1]])
    assert np.array_equal(run(tower, weights, images, others), np.stack([neither, twice, first]))

    def scale(name, factor):
        for part in ("weight", "bias"):
            weights[f"stages.1.0.{name}.{part}"] = weights[f"stages.1.0.{name}.{part}"] * factor

    for name in ("attention.output", "feed_forward.shrink"):
        scale(name, 2)
    assert np.allclose(run(tower, weights, images, None)[0], twice)
    scale("feed_forward.shrink", 0)
    assert np.allclose(run(tower, weights, images, None)[0], first)
    scale("attention.output", 0)
    assert np.allclose(run(tower, weights, images, None)[0], neither)


@dataclass(frozen=True)
class Twice(Spec):
    """One layer over two views of each sample: as one batch, or one after the other."""

    joint: bool

    def children(self):
        return {"drop": DropPath(0.5)}

    def forward(self, ops, p, one, other):
        if self.joint:
            return p.drop(ops.concat((one, other), 0))
        return ops.concat((p.drop(one), p.drop(other)), 0)


def test_views_of_a_sample_have_numbers_of_their_own_joint_or_not():
    views = generator("views").standard_normal((2, 5, 3))
    draws = generator("numbers").random((5, 2))
    apart, joint = (Scope(Twice(j), Run(OPS, {}, True, draws=Draws(draws)))(*views) for j in (False, True))
    assert np.array_equal(apart, joint)
    kept = np.concatenate([draws[:, 0], draws[:, 1]]) > 0.5
    assert kept.any() and not kept.all() and np.array_equal(apart.any(1), kept)


def test_more_numbers_than_were_drawn_are_an_error_that_names_the_layer():
    one = np.ones((2, 3))
    with pytest.raises(ValueError, match="2 random numbers a sample are asked for, and 1 were drawn") as raised:
        Scope(Twice(False), Run(OPS, {}, True, draws=Draws(np.ones((2, 1)))))(one, one)
    assert "in drop" in raised.value.__notes__[0]
    with pytest.raises(ValueError, match="the run was given none"):
        Scope(Twice(False), Run(OPS, {}, True))(one, one)


@pytest.mark.parametrize(
    "name, overrides, passes",
    [
        ("tiny_unicl_swin", {}, 1),
        ("tiny_supcon_swin", {}, 2),  # two crops
        ("tiny_pyramidclip_vit", {"weights": {"GA": 1.0, "RS": 0.0, "RT": 0.0, "RA": 0.0}}, 2),
        ("tiny_clip_vit", {}, 1),
    ],
)
def test_the_pipeline_draws_what_a_step_takes(root, name, overrides, passes):
    swin = {"type": "swin", "resolution": 32, "width": 16, "depths": [1, 2], "heads": [2, 2], "window": 4}
    swin = Whole(swin | {"embed_dim": 24, "drop_path": 0.5})
    mapping = {"method": {**overrides, "image": swin}}
    if "unicl" in name or "supcon" in name:
        mapping = overrides
    method = read(root / "configs" / "pretrain" / f"{name}.yaml", mapping)[0].method
    blocks = sum(method.image.depths)
    assert drawn(method, method.views()) == 2 * blocks * passes
    assert training_views(method)["draws"].count == 2 * blocks * passes


def test_a_method_without_drop_path_draws_nothing(root):
    method = read(root / "configs" / "pretrain" / "tiny_clip_vit.yaml")[0].method
    assert not method.any_draws and set(training_views(method)) == set(method.views())


@dataclass(frozen=True)
class Misnamed(ImagesOnly):
    """A view called as something else of the step is."""

    name: str

    def parameters(self):
        return {"scale": Parameter((), Constant(1.0))}

    def views(self):
        return {self.name: LabelView()}


@pytest.mark.parametrize("name", ["draws", "scale", "chosen:place"])
def test_a_view_is_not_called_as_something_else_of_the_step(name):
    with pytest.raises(UserError, match=f"an array called '{name}'.*call the view something else"):
        training_views(Misnamed(name))
    assert list(training_views(Misnamed("class"))) == ["class"]
