"""Non-maximum suppression as mmcv calls it, against two plain loops in float64."""

import numpy as np
import pytest
import torch

from tandemclip.downstream.detection.ops.install import install_ops

install_ops()
from mmcv.ops import batched_nms, nms  # noqa: E402  the stand-in first


def iou(a, b, offset):
    side = lambda low, high: high - low + offset
    area = lambda box: side(box[0], box[2]) * side(box[1], box[3])
    width = side(max(a[0], b[0]), min(a[2], b[2]))
    height = side(max(a[1], b[1]), min(a[3], b[3]))
    common = max(width, 0.0) * max(height, 0.0)
    union = area(a) + area(b) - common
    return common / union if union else 0.0


def stay(boxes, scores, threshold, offset):
    """The numbers of the boxes that stay, best score first."""
    boxes = boxes.astype(np.float64).tolist()
    kept = []
    for candidate in sorted(range(len(boxes)), key=lambda i: -scores[i]):  # Python's sort is stable
        if all(iou(boxes[other], boxes[candidate], offset) <= threshold for other in kept):
            kept.append(candidate)
    return kept


def drawn(seed, count, grid=None):
    rng = np.random.default_rng(seed)
    corner, size = rng.uniform(0, 40, (count, 2)), rng.uniform(1, 30, (count, 2))
    boxes = np.concatenate([corner, corner + size], axis=1)
    scores = rng.uniform(0, 1, count)
    if grid:  # many equal boxes, IoUs and scores
        boxes, scores = np.round(boxes / grid) * grid, np.round(scores * 4) / 4
    return boxes.astype(np.float32), scores.astype(np.float32)


@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.7])
@pytest.mark.parametrize("grid", [None, 10])
def test_what_stays_is_what_the_definition_keeps(threshold, offset, grid):
    for seed in range(6):
        boxes, scores = drawn(seed, 90, grid)
        detections, kept = nms(torch.tensor(boxes), torch.tensor(scores), threshold, offset)
        expected = stay(boxes, scores, threshold, offset)
        assert kept.tolist() == expected and 1 < len(expected) < len(boxes)
        np.testing.assert_array_equal(detections, np.column_stack([boxes, scores])[expected])


def test_the_offset_counts():
    """10 x 10 boxes that share 5 x 10: 50 / 150 = 1/3. With both ends as pixels 11 x 11 and 6 x 11: 66 / 176 = 3/8."""
    boxes, scores = torch.tensor([[0.0, 0, 10, 10], [5, 0, 15, 10]]), torch.tensor([0.9, 0.8])
    assert nms(boxes, scores, 0.35, 0)[1].tolist() == [0, 1]
    assert nms(boxes, scores, 0.35, 1)[1].tolist() == [0]


def test_an_iou_equal_to_the_threshold_stays():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 5]])
    assert nms(boxes, torch.tensor([0.9, 0.8]), 0.5)[1].tolist() == [0, 1]


def test_of_equal_scores_the_first_stays():
    boxes = torch.tensor([[0.0, 0, 10, 10]]).repeat(50, 1)
    assert nms(boxes, torch.ones(50), 0.5)[1].tolist() == [0]
    apart = boxes + 100 * torch.arange(50.0)[:, None]
    assert nms(apart, torch.ones(50), 0.5)[1].tolist() == list(range(50))


def test_chains_are_cut_by_what_stays_only():
    """The first drops the second, which therefore does not drop the third."""
    boxes = torch.tensor([[0.0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]])
    assert nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.4)[1].tolist() == [0, 2]


@pytest.mark.parametrize("offset", [0, 1])
def test_boxes_without_a_positive_size(offset):
    boxes = np.array([[5, 5, 5, 5], [5, 5, 5, 5], [9, 9, 3, 3], [0, 0, 10, 10], [4, 2, 4, 8]], np.float32)
    scores = np.linspace(0.9, 0.5, len(boxes)).astype(np.float32)
    assert nms(boxes, scores, 0.5, offset)[1].tolist() == stay(boxes, scores, 0.5, offset)


def test_no_boxes():
    detections, kept = nms(torch.zeros(0, 4), torch.zeros(0), 0.5)
    assert detections.shape == (0, 5) and kept.shape == (0,) and kept.dtype == torch.int64


def test_boxes_that_want_a_gradient_and_low_precision():
    boxes, scores = (torch.tensor(x) for x in drawn(3, 40, grid=2))
    expected = nms(boxes, scores, 0.5)[1]
    assert torch.equal(nms(boxes.requires_grad_(), scores.requires_grad_(), 0.5)[1], expected)
    boxes, scores = boxes.detach().bfloat16(), scores.detach().bfloat16()  # whole numbers up to 256: exact
    assert torch.equal(nms(boxes, scores, 0.5)[1], expected)


def test_classes_are_apart_in_batched_nms():
    boxes, scores = torch.tensor([[0.0, 0, 10, 10]]).repeat(3, 1), torch.tensor([0.5, 0.9, 0.7])
    kept = batched_nms(boxes, scores, torch.tensor([0, 1, 0]), dict(type="nms", iou_threshold=0.5))[1]
    assert kept.tolist() == [1, 2]
