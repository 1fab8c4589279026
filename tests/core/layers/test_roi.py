"""The ROI path of both kinds of tower: padding changes nothing, a sample without objects stays finite."""

import mindspore as ms
import numpy as np
import pytest
import torch

from tandemclip.backends.mindspore import ops as mindspore_ops
from tandemclip.backends.reference.ops import Reference
from tandemclip.core.layers.attention_pool import AttentionPool
from tandemclip.core.layers.roi import RoiEmbedding, RoiInput, in_front
from tandemclip.core.spec import Run, Scope, initial_weights
from tandemclip.core.towers.vit import VisionTransformer
from tandemclip.tests.core.layers.running import array, judge, model, near, random_weights, tensor

DIM, OBJECTS = 6, 4
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]], float)

TOWERS = {
    "vit": VisionTransformer(16, 8, 8, 3, 2, 5, leff_depth=1, roi=RoiInput(DIM)),
    "vit, own token": VisionTransformer(16, 8, 8, 3, 2, 5, leff_depth=1, roi=RoiInput(DIM, "own")),
    "vit, all LeFF": VisionTransformer(16, 8, 8, 2, 2, 5, leff_depth=2, roi=RoiInput(DIM)),
    "attention pool": AttentionPool(2, 8, 2, 5, RoiInput(DIM)),
}


def rois(seed):
    return array(seed, len(MASK), OBJECTS, DIM + 4)


def test_what_is_learned_of_the_way_in():
    """No bias: released, and an object of zeros would not be one of nothing."""
    for token, more in (("image", set()), ("own", {"class_token"})):
        assert set(random_weights(RoiEmbedding(RoiInput(DIM, token), 8))) == {"projection.weight", *more}


def test_the_way_in_starts_as_positions_do():
    """width ** -0.5, whatever the detector's features are."""
    weights = initial_weights(RoiEmbedding(RoiInput(200), 64), 0)["projection.weight"]
    assert np.std(weights) == pytest.approx(1 / 8, rel=0.05) and abs(np.mean(weights)) < 0.01


@pytest.mark.parametrize("name", TOWERS)
def test_what_stands_in_a_padded_slot_changes_nothing(name):
    spec, x = TOWERS[name], rois(1)
    weights = random_weights(spec)
    other = np.where(MASK[:, :, None] > 0, x, 50 * rois(2))
    y = judge(spec, weights, x, MASK, method="encode_rois")[0]
    assert y.shape == (len(MASK), 5)
    near(judge(spec, weights, other, MASK, method="encode_rois")[0], y)


@pytest.mark.parametrize("name", TOWERS)
def test_padding_is_the_same_as_a_shorter_list(name):
    spec, x = TOWERS[name], rois(1)
    weights = random_weights(spec)
    y = judge(spec, weights, x, MASK, method="encode_rois")[0]
    for i, count in enumerate(MASK.sum(1).astype(int)):
        if count:
            alone = judge(spec, weights, x[i : i + 1, :count], np.ones((1, count)), method="encode_rois")[0]
            near(y[i : i + 1], alone)


@pytest.mark.parametrize("name", TOWERS)
def test_without_objects_value_and_gradient_are_finite_on_both_engines(name):
    spec, mask = TOWERS[name], np.zeros((2, OBJECTS))
    weights, x = random_weights(spec), rois(1)[:2]
    wanted = judge(spec, weights, x, mask, method="encode_rois")[0]
    assert np.isfinite(wanted).all()
    near(wanted[0], wanted[1])  # nothing of the objects is left
    ours, moved = model(spec, weights), tensor(x, True)
    y = ours.call("encode_rois", moved, tensor(mask))
    y.square().sum().backward()
    near(y, wanted)
    assert not moved.grad.any()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in ours.parameters())
    arrays = {n: mindspore_ops.constant(w) for n, w in weights.items()}
    run = lambda given: Scope(spec, Run(mindspore_ops, arrays, True)).encode_rois(given, mindspore_ops.constant(mask))
    gradient = ms.value_and_grad(lambda given: ((z := run(given)) * z).sum(), 0)
    near(run(mindspore_ops.constant(x)).asnumpy(), wanted, 1e-5)
    assert not gradient(mindspore_ops.constant(x))[1].asnumpy().any()


def test_the_order_of_objects_does_not_matter_to_a_pool_of_their_mean():
    spec, x = TOWERS["attention pool"], rois(1)
    weights, order = random_weights(spec), [2, 0, 3, 1]
    y = judge(spec, weights, x, MASK, method="encode_rois")[0]
    near(judge(spec, weights, x[:, order], MASK[:, order], method="encode_rois")[0], y)


def test_only_the_rear_blocks_see_an_roi_sequence():
    ours = model(TOWERS["vit"], random_weights(TOWERS["vit"]))
    ours.call("encode_rois", tensor(rois(1)), tensor(MASK)).sum().backward()
    reached = {name[:8] for name, p in ours.named_parameters() if name.startswith("blocks") and p.grad is not None}
    assert reached == {"blocks.1", "blocks.2"}


def test_the_class_token_is_the_image_paths_or_its_own():
    assert "class_token" not in RoiEmbedding(RoiInput(DIM), 8).parameters()
    assert RoiEmbedding(RoiInput(DIM, "own"), 8).parameters()["class_token"].shape == (8,)
    for name, reached in (("vit", "class_token"), ("vit, own token", "rois.class_token")):
        ours = model(TOWERS[name], random_weights(TOWERS[name]))
        ours.call("encode_rois", tensor(rois(1)), tensor(MASK)).sum().backward()
        tokens = {n for n, p in ours.named_parameters() if n.endswith("class_token") and p.grad is not None}
        assert tokens == {reached}


def test_in_front_puts_a_token_that_is_always_there():
    token, x = array(1, 4, 1, 3), array(2, 4, OBJECTS, 3)
    tokens, mask = in_front(Reference(), token, x, MASK)
    assert (tokens[:, :1] == token).all() and (tokens[:, 1:] == x).all()
    assert (mask[:, 0] == 1).all() and (mask[:, 1:] == MASK).all()
