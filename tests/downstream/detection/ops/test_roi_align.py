"""RoIAlign as mmcv calls it, against the loops of the definition, which are written here in float64."""

import math

import numpy as np
import pytest
import torch

from tandemclip.core.errors import UserError
from tandemclip.downstream.detection.ops.install import install_ops

install_ops()
from mmcv.ops import RoIAlign, roi_align  # noqa: E402  the stand-in first

TOLERANCE = 4e-6


def samples(rois, size, bins, scale, ratio, aligned):
    """(RoI, image, bin's row and column, map's row and column, weight) of the definition, one sample at a time."""
    shift = 0.5 if aligned else 0.0
    for k, (image, x1, y1, x2, y2) in enumerate(rois.tolist()):
        height, width = (y2 - y1) * scale, (x2 - x1) * scale
        if not aligned:
            height, width = max(height, 1.0), max(width, 1.0)
        down = ratio or math.ceil(height / bins[0])
        across = ratio or math.ceil(width / bins[1])
        for row in range(bins[0]):
            for column in range(bins[1]):
                for i in range(down):
                    for j in range(across):
                        y = y1 * scale - shift + (row + (i + 0.5) / down) * height / bins[0]
                        x = x1 * scale - shift + (column + (j + 0.5) / across) * width / bins[1]
                        for cell_y, cell_x, weight in bilinear(y, x, *size):
                            yield k, int(image), row, column, cell_y, cell_x, weight / (down * across)


def bilinear(y, x, height, width):
    """The four cells around a point, and how much each counts; none for a point more than a cell outside."""
    if y < -1 or y > height or x < -1 or x > width:
        return
    y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    top, left = int(y), int(x)
    for cell_y, by_y in ((top, 1 - (y - top)), (min(top + 1, height - 1), y - top)):
        for cell_x, by_x in ((left, 1 - (x - left)), (min(left + 1, width - 1), x - left)):
            yield cell_y, cell_x, by_y * by_x


def pooled(maps, rois, bins, *how):
    """[B, C, H, W], [K, 5] -> [K, C, *bins]"""
    out = np.zeros((len(rois), maps.shape[1], *bins))
    for k, image, row, column, y, x, weight in samples(rois, maps.shape[2:], bins, *how):
        out[k, :, row, column] += weight * maps[image, :, y, x]
    return out


def pulled_back(grads, rois, shape, bins, *how):
    """[K, C, *bins] -> the gradient [B, C, H, W]"""
    out = np.zeros(shape)
    for k, image, row, column, y, x, weight in samples(rois, shape[2:], bins, *how):
        out[image, :, y, x] += weight * grads[k, :, row, column]
    return out


# image, x1, y1, x2, y2 in pixels, on two maps of 9 x 12 cells of 4 pixels. No sample lies just one cell outside, where
# rounding would decide whether it counts.
ROIS = {
    "inside": (0, 5, 6, 31, 27),
    "of the second image": (1, 9.5, 3.25, 40.75, 30.5),
    "all": (1, 0, 0, 48, 36),
    "over the edges": (0, -17.3, -9.1, 61.7, 50.9),
    "just over an edge": (1, 44, 30, 52, 40),
    "outside": (0, 100, 100, 130, 120),
    "outside at the other end": (0, -90, -80, -30, -20),
    "tiny": (1, 20, 20, 20.01, 20.02),
    "a point": (0, 13, 14, 13, 14),
    "a line": (0, 13, 4, 13, 30),
    "large": (0, -201.3, -150.7, 261.1, 191.9),
    "negative sizes": (1, 30, 28, 10, 8),
    "a negative height": (0, 6, 28, 30, 8),
    "at a cell's border": (0, 2, 2, 46, 34),
}
BINS = [(1, 1), (7, 7), (3, 5)]


@pytest.fixture(scope="module")
def maps():
    return np.random.default_rng(0).standard_normal((2, 3, 9, 12)).astype(np.float32)


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("ratio", [0, 1, 3])
@pytest.mark.parametrize("bins", BINS)
def test_value_and_gradient_are_those_of_the_definition(maps, bins, ratio, aligned):
    rois = torch.tensor(list(ROIS.values()))
    features = torch.tensor(maps, requires_grad=True)
    output = roi_align(features, rois, bins, 0.25, ratio, "avg", aligned)
    expected = pooled(maps, rois, bins, 0.25, ratio, aligned)
    wrong = [name for name, a, b in zip(ROIS, output.detach().numpy(), expected) if abs(a - b).max() > TOLERANCE]
    assert not wrong

    grads = np.random.default_rng(1).standard_normal(expected.shape).astype(np.float32)
    output.backward(torch.tensor(grads))
    expected = pulled_back(grads, rois, maps.shape, bins, 0.25, ratio, aligned)
    assert abs(features.grad.numpy() - expected).max() <= TOLERANCE * max(1.0, abs(expected).max())


@pytest.mark.parametrize("aligned", [True, False])
def test_what_does_not_touch_the_map_is_zero(maps, aligned):
    far = torch.tensor([ROIS["outside"], ROIS["outside at the other end"]])
    features = torch.tensor(maps, requires_grad=True)
    output = roi_align(features, far, 7, 0.25, 0, "avg", aligned)
    output.sum().backward()
    assert not output.any() and not features.grad.any()


def test_a_constant_map_gives_the_constant():
    """The weights of a bin add up to 1 wherever the RoI lies on the map."""
    output = roi_align(torch.full((1, 2, 20, 20), 3.0), torch.tensor([[0.0, 8, 12, 50, 71]]), 7, 0.25, 0, "avg", True)
    torch.testing.assert_close(output, torch.full((1, 2, 7, 7), 3.0), rtol=1e-6, atol=0)


def test_a_linear_map_gives_the_centres_of_bins():
    """The mean of a linear function over a bin is its value at the centre, which is at .5 when aligned."""
    y = torch.arange(20.0)[:, None].expand(20, 20)
    output = roi_align(y.repeat(1, 1, 1, 1), torch.tensor([[0.0, 4, 8, 60, 64]]), 7, 0.25, 2, "avg", True)
    centres = 8 / 4 - 0.5 + (torch.arange(7) + 0.5) * 14 / 7
    torch.testing.assert_close(output[0, 0], centres[:, None].expand(7, 7), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("ratio", [0, 2])
def test_gradient_is_that_of_finite_differences(ratio, aligned):
    features = torch.randn(2, 2, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rois = torch.tensor([[0, 1, 2, 19, 17], [1, -9, 3, 12, 40.0]], dtype=torch.float64)
    function = lambda x: roi_align(x, rois, (2, 3), 0.25, ratio, "avg", aligned)
    assert torch.autograd.gradcheck(function, features.requires_grad_())


def test_no_rois(maps):
    features = torch.tensor(maps, requires_grad=True)
    output = roi_align(features, torch.zeros(0, 5), 7, 0.25, 0, "avg", True)
    output.sum().backward()
    assert output.shape == (0, 3, 7, 7) and not features.grad.any()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("ratio", [0, 2])
def test_a_box_that_is_not_finite_sees_nothing_and_harms_no_other(maps, ratio, bad):
    rois = torch.tensor([[0, 5, 6, bad, 27], ROIS["inside"]])
    output = roi_align(torch.tensor(maps), rois, 7, 0.25, ratio, "avg", True)
    alone = roi_align(torch.tensor(maps), rois[1:], 7, 0.25, ratio, "avg", True)
    assert not output[0].any() and torch.equal(output[1:], alone)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_low_precision_is_rounded_at_the_end_only(maps, kind):
    rois = torch.tensor(list(ROIS.values()))  # float32: 8 bits of a bfloat16 could not say where a box lies
    features = torch.tensor(maps).to(kind).requires_grad_()
    output = roi_align(features, rois, 7, 0.25, 0, "avg", True)
    exact = features.detach().float().requires_grad_()
    expected = roi_align(exact, rois, 7, 0.25, 0, "avg", True)
    assert output.dtype == kind and torch.equal(output, expected.to(kind))
    grads = torch.ones_like(output)
    output.backward(grads)
    expected.backward(grads.float())
    assert features.grad.dtype == kind and torch.equal(features.grad, exact.grad.to(kind))


def test_gradients_that_are_not_contiguous(maps):
    features = torch.tensor(maps, requires_grad=True)
    output = roi_align(features, torch.tensor([ROIS["inside"]]), 7, 0.25, 0, "avg", True)
    output.transpose(2, 3).backward(torch.arange(147.0).reshape(1, 3, 7, 7))
    expected = pulled_back(
        np.arange(147.0).reshape(1, 3, 7, 7).transpose(0, 1, 3, 2),
        np.array([ROIS["inside"]]), maps.shape, (7, 7), 0.25, 0, True,
    )  # fmt: skip
    assert abs(features.grad.numpy() - expected).max() <= TOLERANCE * abs(expected).max()


def test_the_maximum_is_refused_by_name(maps):
    layer = RoIAlign(7, spatial_scale=0.25, pool_mode="max")
    with pytest.raises(UserError, match="pool_mode='max'.*mmcv==2.1.0"):
        layer(torch.tensor(maps), torch.tensor([ROIS["inside"]]))
