"""Resized positions against torch's own interpolation, which open_clip uses."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tandemclip.core.random import generator
from tandemclip.core.towers.basic_resnet import BasicResNet
from tandemclip.core.towers.interpolation import interpolation
from tandemclip.core.towers.modified_resnet import ModifiedResNet
from tandemclip.core.towers.positions import is_grid, position_grids, resized
from tandemclip.core.towers.text import TextTransformer
from tandemclip.core.towers.vit import VisionTransformer


def torchs(positions, side):
    """open_clip's resize_pos_embed, line by line, in float64."""
    front, grid = torch.tensor(positions[:1], dtype=torch.float64), torch.tensor(positions[1:], dtype=torch.float64)
    old = int(len(grid) ** 0.5)
    grid = grid.reshape(1, old, old, -1).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=(side, side), mode="bicubic", antialias=True, align_corners=False)
    return torch.cat([front, grid.permute(0, 2, 3, 1).reshape(side * side, -1)]).numpy()


@pytest.mark.parametrize("old, new", [(7, 14), (14, 7), (7, 5), (3, 7), (1, 4), (4, 1), (16, 15), (24, 7), (5, 5)])
def test_positions_are_torchs(old, new):
    positions = generator("positions", old, new).standard_normal((1 + old * old, 6)).astype(np.float32)
    found = resized(positions, 1 + new * new)
    assert found.dtype == np.float32 and found.shape == (1 + new * new, 6)
    np.testing.assert_allclose(found, torchs(positions, new), rtol=1e-6, atol=1e-6)
    assert np.array_equal(found[0], positions[0])


def test_a_constant_stays_and_a_mirror_is_a_mirror():
    weights = interpolation(5, 8)
    np.testing.assert_allclose(weights.sum(1), 1.0, rtol=1e-15)
    np.testing.assert_allclose(weights[::-1, ::-1], weights, atol=1e-15)
    np.testing.assert_allclose(interpolation(6, 6), np.eye(6), atol=1e-15)


def test_which_parameters_are_grids():
    vit = VisionTransformer(resolution=32, patch=8, width=8, layers=1, heads=2, embed_dim=4)
    assert position_grids(vit, "image.") == {"image.positions"}
    assert position_grids(ModifiedResNet(64, (1, 1, 1, 1), 8, 4, 8)) == {"pool.positions"}
    assert position_grids(BasicResNet(64, (1, 1, 1, 1), 8, 4, 8, positions=True)) == {"pool.positions"}
    assert not position_grids(BasicResNet(64, (1, 1, 1, 1), 8, 4, 8))
    assert not position_grids(TextTransformer(9, 17, 8, 1, 2, 4))  # 1 + 4^2 rows, and no grid
    assert [rows for rows in range(1, 20) if is_grid(rows)] == [2, 5, 10, 17]
