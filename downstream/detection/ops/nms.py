"""Greedy non-maximum suppression, under the signature of mmcv's compiled `nms`."""

import numpy as np
import torch
from torch import Tensor

from tandemclip.downstream.detection.ops.torchvision_kernels import cuda_kernels


def nms(bboxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Boxes [N, 4] (x1, y1, x2, y2) and scores [N] -> the numbers [kept] of those that stay, best score first.

    A box goes when its IoU with a better one that stays is above the threshold. Of equal scores the first box is
    better. Sides are x2 - x1 + offset (1: both ends are pixels that belong to the box).
    """
    # With offset 1 every side and every overlap is as long as that of boxes which end one later.
    boxes = bboxes.double() + bboxes.new_tensor([0, 0, offset, offset], dtype=torch.float64)
    if bboxes.is_cuda and (kernels := cuda_kernels()):
        return kernels.nms(boxes.float(), scores.float(), iou_threshold)
    order = torch.argsort(scores, descending=True, stable=True)
    return order[_greedy(boxes[order].cpu().numpy(), iou_threshold).to(order.device)]


def _greedy(boxes: np.ndarray, threshold: float) -> Tensor:
    """Boxes [N, 4], best first -> the places [kept] of those that stay."""
    rest = np.arange(len(boxes))
    x1, y1, x2, y2 = boxes.T
    area = (x2 - x1) * (y2 - y1)
    kept = []
    while len(rest):
        best, rest = rest[0], rest[1:]
        kept.append(best)
        width = np.minimum(x2[best], x2[rest]) - np.maximum(x1[best], x1[rest])
        height = np.minimum(y2[best], y2[rest]) - np.maximum(y1[best], y1[rest])
        common = np.maximum(width, 0) * np.maximum(height, 0)
        with np.errstate(divide="ignore", invalid="ignore"):  # two boxes without an area: 0 / 0 is above no threshold
            iou = common / (area[best] + area[rest] - common)
        rest = rest[~(iou > threshold)]
    return torch.as_tensor(kept, dtype=torch.int64)
