"""The simple feature pyramid: sizes, and its levels against the plain formulas."""

import pytest
import torch
import torch.nn.functional as F

from tandemclip.core.errors import UserError
from tandemclip.downstream.detection.pyramid import SimpleFeaturePyramid


def drawn(*args, **options):
    torch.manual_seed(0)
    pyramid = SimpleFeaturePyramid(*args, **options).double()
    with torch.no_grad():
        for parameter in pyramid.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return pyramid


def norm(x, weight, bias):
    centred = x - x.mean(1, keepdim=True)
    scaled = centred / (x.var(1, correction=0, keepdim=True) + 1e-6).sqrt()
    return scaled * weight[:, None, None] + bias[:, None, None]


def doubled(x, weight, bias):
    """Every place becomes 2 x 2 places: a deconvolution whose kernel is its stride."""
    batch, _, rows, columns = x.shape
    y = torch.einsum("bchw,cdij->bdhiwj", x, weight).reshape(batch, -1, 2 * rows, 2 * columns)
    return y + bias[:, None, None]


def test_levels_are_those_of_the_formula():
    pyramid, x = drawn(8, 6, in_stride=16), torch.randn(2, 8, 4, 6, dtype=torch.float64)
    found = pyramid([None, x])
    fine, middle, same, coarse = (dict(level.named_parameters()) for level in pyramid.levels)
    y = F.gelu(norm(doubled(x, fine["0.weight"], fine["0.bias"]), fine["1.weight"], fine["1.bias"]))
    starts = (
        (fine, 3, doubled(y, fine["3.weight"], fine["3.bias"])),
        (middle, 0, doubled(x, middle["0.weight"], middle["0.bias"])),
        (same, -1, x),
        (coarse, 0, x.reshape(2, 8, 2, 2, 3, 2).amax((3, 5))),
    )
    for (weights, last, y), level in zip(starts, found, strict=False):
        own = lambda place, name, weights=weights, last=last: weights[f"{last + place}.{name}"]
        y = norm(torch.einsum("bchw,dc->bdhw", y, own(1, "weight")[:, :, 0, 0]), own(2, "weight"), own(2, "bias"))
        y = norm(F.conv2d(y, own(3, "weight"), padding=1), own(4, "weight"), own(4, "bias"))
        torch.testing.assert_close(level, y)
    assert torch.equal(found[4], found[3][:, :, ::2, ::2]) and len(found) == 5


@pytest.mark.parametrize("in_stride, strides", [(16, (4, 8, 16, 32)), (32, (4, 8, 16, 32)), (14, (3.5, 7, 14, 28))])
def test_strides(in_stride, strides):
    pyramid = SimpleFeaturePyramid(16, 4, in_stride, strides, num_outs=4)
    found = pyramid([torch.randn(1, 16, 5, 8)])
    sides = [tuple(int(side * in_stride / stride) for side in (5, 8)) for stride in strides]
    assert [tuple(x.shape) for x in found] == [(1, 4, *size) for size in sides]


def test_what_cannot_be_had_is_refused():
    for options in ({"strides": (4, 12)}, {"in_channels": 6, "strides": (4,)}):
        with pytest.raises(UserError, match="cannot be had from"):
            SimpleFeaturePyramid(**{"in_channels": 8, **options})
    with pytest.raises(UserError, match="num_outs=3 is less than the 4 strides"):
        SimpleFeaturePyramid(8, num_outs=3)
