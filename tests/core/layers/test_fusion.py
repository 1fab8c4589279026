"""Cross-attention and the fusion of stages against torch's own modules, in values and in gradients, on both engines."""

import math

import numpy as np
import pytest
import torch

from tandemclip.core.closeness import error
from tandemclip.core.layers.cross_attention import CrossAttention
from tandemclip.core.layers.fusion import Fusion, StageFusion
from tandemclip.core.spec import initial_weights
from tandemclip.tests.core.layers.in_torch import attend, fuse
from tandemclip.tests.core.layers.running import array, judge, model, near, random_weights, tensor
from tandemclip.tests.parity.interpreters import INTERPRETERS


def leaves(weights):
    return {name: tensor(w, True) for name, w in weights.items()}


@pytest.mark.parametrize("count, others", [(5, 7), (1, 4), (4, 1)])
@pytest.mark.parametrize("heads", [1, 4])
def test_cross_attention(heads, count, others):
    spec, arrays = CrossAttention(8, heads), (array(1, 3, count, 8), array(2, 3, others, 8))
    weights = random_weights(spec)
    plain, x, y = leaves(weights), *(tensor(a, True) for a in arrays)
    wanted = attend(plain, "", heads, x, y)
    near(judge(spec, weights, *arrays)[0], wanted)
    ours, a, b = model(spec, weights), *(tensor(a, True) for a in arrays)
    got, cotangent = ours(a, b), tensor(array(3, 3, count, 8))
    near(got, wanted)
    (got * cotangent).sum().backward()
    (wanted * cotangent).sum().backward()
    near(a.grad, x.grad, 1e-9)
    near(b.grad, y.grad, 1e-9)
    for name, right in plain.items():
        near(ours.get_parameter(name).grad, right.grad, 1e-9)


def test_it_starts_as_torch_s():
    weights = initial_weights(CrossAttention(64, 8), 0)
    bound = math.sqrt(6 / (64 + 3 * 64))
    for name in ("query", "key_value"):
        assert 0.99 * bound < np.abs(weights[f"{name}.weight"]).max() <= bound
    assert 0.99 / 8 < np.abs(weights["output.weight"]).max() <= 1 / 8
    assert not any(w.any() for name, w in weights.items() if name.endswith("bias"))


STAGES = {"two": ((8, 16), (3, 5), ((2, 3), (1, 1))), "one": ((8,), (4,), ((3, 2),))}


def stages_of(widths, channels, sides, length=6, batch=3):
    texts = tuple(array(i, batch, length, width) for i, width in enumerate(widths))
    return texts, tuple(array(9 + i, batch, c, *side) for i, (c, side) in enumerate(zip(channels, sides)))


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("name", STAGES)
def test_fusion(name, batch_norm):
    widths, channels, sides = STAGES[name]
    spec, (texts, images) = Fusion(widths, channels, batch_norm=batch_norm), stages_of(widths, channels, sides)
    assert spec.heads == 8 and spec.output_dim == sum(widths) and not Fusion(widths, channels).batch_norm
    weights = random_weights(spec)
    plain = leaves(weights)
    x, y = ([tensor(a, True) for a in given] for given in (texts, images))
    parts = [fuse(plain, f"stages.{i}.", 8, a, b, batch_norm) for i, (a, b) in enumerate(zip(x, y))]
    wanted = torch.cat(parts, 2)
    near(judge(spec, weights, texts, images)[0], wanted, 1e-10)
    ours = model(spec, weights).train()
    a, b = ([tensor(z, True) for z in given] for given in (texts, images))
    cotangent = tensor(array(5, *wanted.shape))
    (ours(a, b) * cotangent).sum().backward()
    (wanted * cotangent).sum().backward()
    for mine, right in zip((*a, *b), (*x, *y)):
        near(mine.grad, right.grad, 1e-8)
    names = dict(ours.named_parameters())
    assert names.keys() == {n for n in weights if not n.endswith(("norm.mean", "norm.variance"))}
    for parameter, mine in names.items():
        near(mine.grad, plain[parameter].grad, 1e-8)


def test_engines_agree():
    """No map of one cell: once PyNative has differentiated a softmax over one number, all its later ones are wrong."""
    widths, channels, sides = (8, 16), (3, 5), ((2, 3), (2, 1))
    spec, (texts, images) = Fusion(widths, channels, batch_norm=True), stages_of(widths, channels, sides)
    weights = initial_weights(spec, 0)
    named = lambda letter, arrays: {f"{letter}{i}": a.astype(np.float32) for i, a in enumerate(arrays)}
    inputs = named("t", texts) | named("i", images)

    def function(ops, p, given):
        y = p((given["t0"], given["t1"]), (given["i0"], given["i1"]))
        return {"scalar": ops.mean(y * y, (0, 1, 2)), "y": y}

    by = [*inputs, *(name for name, _ in spec.all_parameters())]
    run = lambda engine, by: INTERPRETERS[engine](spec, weights, inputs, function, True, by)
    wanted, gradients = run("numpy64", ()), run("torch64", by).gradients
    floor = 1e-3 * np.median([np.sqrt(np.mean(g * g)) for g in gradients.values()])
    for engine in ("torch", "mindspore", "mindspore_eager"):
        found = run(engine, by)
        assert error(found.outputs["y"], wanted.outputs["y"]) < 1e-5
        for name in by:
            away = np.abs(found.gradients[name] - gradients[name])
            assert (away <= 1e-4 * (np.abs(gradients[name]) + max(floor, gradients[name].std()))).all(), name


def test_a_picture_reaches_its_own_stage_alone():
    widths, channels, sides = STAGES["two"]
    spec, (texts, images) = Fusion(widths, channels), stages_of(widths, channels, sides)
    weights = random_weights(spec)
    y, other = (judge(spec, weights, texts, given)[0] for given in (images, (images[0], 2 * images[1])))
    assert np.array_equal(y[..., :8], other[..., :8]) and not np.isclose(y[..., 8:], other[..., 8:]).any()


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="width 12 does not split into 8 heads"):
        CrossAttention(12, 8)
    with pytest.raises(ValueError, match="2 stages of a text are to be fused with 1 of a picture"):
        Fusion((8, 8), (3,))
    with pytest.raises(ValueError, match="0 stages"):
        Fusion((), ())
    spec, (texts, images) = Fusion((8,), (3,)), stages_of((8,), (3,), ((1, 1),))
    with pytest.raises(ValueError):
        judge(spec, random_weights(spec), (*texts, *texts), images)
    assert StageFusion(8, 3).heads == 8
