"""The dense features of the image towers: in their places, before the pooling, and the same on every engine."""

from dataclasses import replace

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.backends.reference.ops import Reference
from tandemclip.core.closeness import error
from tandemclip.core.random import generator
from tandemclip.core.spec import Run, Scope, initial_weights
from tandemclip.core.towers.modified_resnet import ModifiedResNet
from tandemclip.core.towers.resnet import ResNet
from tandemclip.core.towers.swin import SwinTransformer
from tandemclip.core.towers.vit import VisionTransformer
from tandemclip.core.training.config import read
from tandemclip.core.training.update import AdamW

VIT = VisionTransformer(resolution=24, patch=8, width=16, layers=2, heads=2, embed_dim=8)
RESNET = ModifiedResNet(resolution=96, layers=(1, 1, 1, 1), width=8, heads=4, embed_dim=8)


SWIN = SwinTransformer(resolution=32, embed_dim=8, width=16, depths=(1, 1), heads=(2, 2), window=4)
PLAIN = ResNet(resolution=16, layers=(1, 1), embed_dim=8, width=4, stem="tiny")


def weights_of(spec):
    """Initial ones with noise, so that no branch is zero and statistics are no identity."""
    return {
        name: array + np.float32(0.1) * np.abs(generator("test", name).standard_normal(array.shape)).astype(np.float32)
        for name, array in initial_weights(spec, 0).items()
    }


def scope_of(spec, weights):
    return Scope(spec, Run(Reference(), {name: array.astype(np.float64) for name, array in weights.items()}, False))


def images(resolution, count=2):
    return generator("images").standard_normal((count, 3, resolution, resolution))


@pytest.mark.parametrize(
    "tower, width", [(VIT, 16), (RESNET, 8), (SWIN, 32), (PLAIN, 32)], ids=lambda x: type(x).__name__
)
def test_a_probe_sees_what_is_projected(tower, width):
    scope = scope_of(tower, weights_of(tower))
    x = images(tower.resolution)
    found, projection = scope.features(x), scope.projection if "projection" in tower.nodes else lambda x: x
    assert np.abs(projection(found) - scope(x)).max() < 1e-12
    assert found.shape == (2, width)


def test_vit_patches_that_change_places_change_cells():
    """Without position embeddings and LeFF, a transformer does not know where a patch is: its features go along."""
    weights = weights_of(VIT)
    weights["positions"][1:] = 0
    pictures = images(24)
    exchanged = pictures.copy()
    exchanged[:, :, 0:8, 8:16], exchanged[:, :, 16:24, 0:8] = pictures[:, :, 16:24, 0:8], pictures[:, :, 0:8, 8:16]
    grid, other = (scope_of(VIT, weights).encode_grid(x) for x in (pictures, exchanged))
    assert grid.shape == (2, 16, 3, 3)
    expected = grid.copy()
    expected[:, :, 0, 1], expected[:, :, 2, 0] = grid[:, :, 2, 0], grid[:, :, 0, 1]
    np.testing.assert_allclose(other, expected, atol=1e-12)
    assert np.abs(grid[:, :, 0, 1] - grid[:, :, 2, 0]).max() > 0.1


def test_vit_cells_carry_the_final_norm():
    weights = weights_of(VIT)
    grid = scope_of(VIT, weights).encode_grid(images(24))
    scale, shift = (weights[f"output_norm.{name}"][:, None, None] for name in ("weight", "bias"))
    plain = (grid - shift) / scale
    np.testing.assert_allclose(plain.mean(1), 0, atol=1e-6)
    np.testing.assert_allclose(plain.var(1), 1, rtol=1e-3)


def test_resnet_map_is_what_the_pool_is_given():
    scope, pictures = scope_of(RESNET, weights_of(RESNET)), images(96)
    grid = scope.encode_grid(pictures)
    assert grid.shape == (2, 256, 3, 3)
    np.testing.assert_array_equal(scope.pool(grid), scope(pictures))


@pytest.mark.parametrize("row, column", [(0, 3), (3, 0), (2, 1)])
def test_resnet_cells_are_where_the_picture_is(row, column):
    tower = replace(RESNET, resolution=112)
    side = tower.grid_resolution
    scope, pictures = scope_of(tower, weights_of(tower)), images(side, 1)
    changed = pictures.copy()
    changed[:, :, 32 * row : 32 * (row + 1), 32 * column : 32 * (column + 1)] += 3
    change = np.abs(scope.encode_grid(changed) - scope.encode_grid(pictures)).sum((0, 1))
    assert side == 128 and change.shape == (4, 4)
    assert np.unravel_index(change.argmax(), change.shape) == (row, column)


def test_the_grid_covers_the_whole_picture():
    assert VIT.grid_resolution == 24 and RESNET.grid_resolution == 96
    assert [replace(RESNET, resolution=side).grid_resolution for side in (48, 224, 288)] == [64, 224, 288]


@pytest.mark.parametrize("name", ["tiny_pyramidclip_vit", "tiny_clip_rn"])
def test_engines_agree(root, name):
    method = read(root / "configs" / "pretrain" / f"{name}.yaml")[0].method
    weights, pictures = weights_of(method), images(method.image.grid_resolution).astype(np.float32)
    judged = scope_of(method, weights).encode_grid(pictures.astype(np.float64))
    assert judged.shape[2] > 0 and np.abs(judged).max() > 0.1
    for engine in backends.names():
        found = backends.load(engine)(method, weights, AdamW()).apply("encode_grid", pictures)
        assert error(found, judged) < 1e-5
