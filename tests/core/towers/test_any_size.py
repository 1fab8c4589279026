"""Stages of pictures that are not of the training size: against towers of that size, and of pictures laid on a side."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tandemclip.backends.reference.ops import Reference
from tandemclip.core.closeness import error
from tandemclip.core.random import generator
from tandemclip.core.towers.interpolation import resampled
from tandemclip.core.towers.positions import resized
from tandemclip.core.towers.swin import SwinTransformer
from tandemclip.tests.core.towers.test_protocol import IMAGE, scope_of, weights_of
from tandemclip.tests.parity.interpreters import INTERPRETERS

SWIN = SwinTransformer(resolution=64, embed_dim=6, width=4, depths=(1, 2, 2), heads=(1, 2, 2), window=4)
TOWERS = IMAGE | {"swin": SWIN}


def pictures(height, width):
    return generator("pictures").standard_normal((2, 3, height, width)).astype(np.float32)


# ------------------------------------------------------------------ squares
@pytest.mark.parametrize("name", TOWERS)
def test_a_larger_square_is_seen_as_by_a_tower_of_that_size(name):
    """With the same weights, positions interpolated as they are for a new run."""
    tower, weights = TOWERS[name], weights_of(TOWERS[name])
    larger = replace(tower, resolution=2 * tower.resolution)
    own = {n: w.astype(np.float64) for n, w in weights.items()}
    shapes = {n: item.shape for n, item in larger.declared().items()}
    other = {n: resized(w, shapes[n][0]) if w.shape != shapes[n] else w for n, w in own.items()}
    x = pictures(larger.resolution, larger.resolution)
    found, wanted = scope_of(tower, own).stages(x), scope_of(larger, other).stages(x)
    assert [a.shape for a in found] == [b.shape for b in wanted]
    assert max(error(a, b) for a, b in zip(found, wanted, strict=True)) < 1e-12


# ------------------------------------------------------------------ others
def on_its_side(weights):
    """The weights of a tower that sees a picture, rows and columns exchanged, as the tower itself sees the picture."""
    return {name: _exchanged(name, array) for name, array in weights.items()}


def _exchanged(name, x):
    square = lambda rows: (
        rows.reshape(round(len(rows) ** 0.5), -1, rows.shape[1]).transpose(1, 0, 2).reshape(rows.shape)
    )
    if name == "positions":
        return np.concatenate([x[:1], square(x[1:])])
    if name.endswith("relative_bias"):
        return square(x)
    if name.startswith("merges."):  # of four neighbours the second is below the first, and the third to its right
        parts = np.split(x, 4, -1)
        return np.concatenate([parts[i] for i in (0, 2, 1, 3)], -1)
    return x.swapaxes(2, 3) if x.ndim == 4 else x


@pytest.mark.parametrize("rows, columns", [(1, 2), (3, 1), (5, 4)])
@pytest.mark.parametrize("name", TOWERS)
def test_a_picture_on_its_side(name, rows, columns):
    tower, weights = TOWERS[name], weights_of(TOWERS[name])
    x = pictures(rows * tower.stride, columns * tower.stride)
    upright = scope_of(tower, weights).stages(x)
    lying = scope_of(tower, on_its_side(weights)).stages(x.swapaxes(2, 3))
    assert upright[-1].shape[2:] == (rows, columns)
    for a, b in zip(upright, lying, strict=True):
        assert a.shape[2] * columns == a.shape[3] * rows
        np.testing.assert_allclose(a, b.swapaxes(2, 3), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("size", [(2, 7), (7, 2), (9, 8), (3, 3), (5, 1)])
def test_positions_are_interpolated_as_torch_does(size):
    rows = generator("rows").standard_normal((25, 6))
    grid = torch.from_numpy(rows.T.reshape(1, 6, 5, 5).copy())
    wanted = F.interpolate(grid, size=size, mode="bicubic", align_corners=False, antialias=True)
    found = resampled(Reference(), rows, 5, size)
    np.testing.assert_allclose(found, wanted[0].reshape(6, -1).T.numpy(), atol=1e-12)


def read_stages(ops, p, inputs):
    """Maps, and a scalar that all of them enter."""
    maps = p.stages(inputs["x"])
    scalar = None
    for i, array in enumerate(maps):
        term = ops.mean(array * array * (i + 1), (0, 1, 2, 3))
        scalar = term if scalar is None else scalar + term
    return {"scalar": scalar, **{str(i): array for i, array in enumerate(maps)}}


@pytest.mark.parametrize("engine", ["torch", pytest.param("mindspore", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name, size", [("leff", (24, 40)), ("swin", (48, 80))])
def test_engines_agree(name, size, engine):
    tower, weights, inputs = TOWERS[name], weights_of(TOWERS[name]), {"x": pictures(*size)}
    by = ["positions"] if name == "leff" else ["stages.1.1.attention.relative_bias"]
    judge = INTERPRETERS["numpy64"](tower, weights, inputs, read_stages)
    gradients = INTERPRETERS["torch64"](tower, weights, inputs, read_stages, by=by).gradients
    found = INTERPRETERS[engine](tower, weights, inputs, read_stages, by=by)
    assert np.abs(gradients[by[0]]).max() > 1e-6
    assert max(error(found.outputs[n], judge.outputs[n]) for n in judge.outputs) < 1e-5
    assert max(error(found.gradients[n], gradients[n]) for n in by) < 1e-4
