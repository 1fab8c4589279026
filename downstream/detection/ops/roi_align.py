"""RoIAlign by average (He et al. 2017, Mask R-CNN), under the signatures of mmcv's compiled functions.

Bilinear interpolation is a product of one weight an axis, and the mean over the samples of a bin is one too. So a RoI
gives out[c] = Wy map[c] Wx^T, with two small matrices of weights [bins, size of the map]. This is exact for every
number of samples. Positions and weights are computed in float64, so that float32 rounds only the two products.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from tandemclip.core.errors import UserError
from tandemclip.downstream.detection.ops.torchvision_kernels import cuda_kernels

AVERAGE = 1  # mmcv's number of this way of pooling; 0 is the maximum


def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Maps [B, C, H, W] and RoIs [K, 5] (image, x1, y1, x2, y2 in pixels) -> `output` [K, C, height, width], in place.

    spatial_scale: cells of the map a pixel. sampling_ratio: samples a bin and axis; 0: as many as the bin has cells.
    aligned: pixel centres are at .5, else the older form without it, whose RoIs are at least one cell large.
    What lies more than one cell outside of the map counts as zero. Raises UserError for pool_mode 0, the maximum.
    """
    _refuse_maximum(pool_mode)
    kind = torch.promote_types(input.dtype, torch.float32)  # what is computed in
    if input.is_cuda and (kernels := cuda_kernels()):
        sizes = (spatial_scale, aligned_height, aligned_width, sampling_ratio, aligned)
        output.copy_(kernels.roi_align(input.to(kind), rois.to(kind), *sizes))
        return
    maps = input.permute(0, 2, 3, 1).to(kind).contiguous()  # [B, H, W, C]: a window is copied in long pieces
    bins = maps.new_zeros(len(rois), aligned_height, aligned_width, input.shape[1])
    sampling = _Sampling(spatial_scale, sampling_ratio, aligned)
    for k, window in enumerate(_windows(rois, sampling, maps.shape[1:3], bins.shape[1:3], kind)):
        if window:
            part = maps[window.place]  # [h, w, C]
            rows = (window.down @ part.flatten(1)).unflatten(1, part.shape[1:])  # [height, w, C]
            torch.matmul(window.across, rows, out=bins[k])
    output.copy_(bins.permute(0, 3, 1, 2))


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Gradients [K, C, height, width] of the forward's `output` -> added to `grad_input` [B, C, H, W], in place."""
    _refuse_maximum(pool_mode)
    kind = torch.promote_types(grad_output.dtype, torch.float32)
    if grad_output.is_cuda and (kernels := cuda_kernels()):
        sizes = (spatial_scale, aligned_height, aligned_width, *grad_input.shape, sampling_ratio, aligned)
        grad_input.add_(kernels._roi_align_backward(grad_output.to(kind), rois.to(kind), *sizes))
        return
    batch, channels, *size = grad_input.shape
    bins = grad_output.permute(0, 2, 3, 1).to(kind).contiguous()  # [K, height, width, C]
    maps = bins.new_zeros(batch, *size, channels)
    sampling = _Sampling(spatial_scale, sampling_ratio, aligned)
    for k, window in enumerate(_windows(rois, sampling, size, bins.shape[1:3], kind)):
        if window:
            rows = window.across.T @ bins[k]  # [height, w, C]
            maps[window.place] += (window.down.T @ rows.flatten(1)).unflatten(1, rows.shape[1:])
    grad_input.add_(maps.permute(0, 3, 1, 2))


def _refuse_maximum(pool_mode: int) -> None:
    if pool_mode != AVERAGE:
        raise UserError(
            "RoIAlign was asked for pool_mode='max', and only 'avg' is provided in plain torch: use 'avg', or install "
            "mmcv==2.1.0 with its compiled ops in place of mmcv-lite"
        )


@dataclass(frozen=True)
class _Sampling:
    """Where samples lie in a RoI; the arguments are `roi_align_forward`'s."""

    spatial_scale: float
    sampling_ratio: int
    aligned: bool

    def weights(self, low: Tensor, high: Tensor, size: int, bins: int) -> Tensor:
        """RoIs from `low` [K] to `high` [K] along an axis of `size` cells -> [K, bins, size] float64."""
        low, high = low * self.spatial_scale, high * self.spatial_scale
        start, length = low - 0.5 * self.aligned, high - low
        step = (length if self.aligned else length.clamp(min=1)) / bins
        samples = torch.full_like(step, self.sampling_ratio) if self.sampling_ratio > 0 else step.ceil()
        samples = torch.where(step.isfinite(), samples, 0.0).clamp(min=0)
        weights = step.new_zeros(len(step), bins, size)
        for sample in range(int(samples.max())):
            fraction = torch.arange(bins, device=step.device) + ((sample + 0.5) / samples)[:, None]
            position = start[:, None] + step[:, None] * fraction  # [K, bins], in cells
            used = (position >= -1) & (position <= size) & (sample < samples)[:, None]
            share = used / samples.clamp(min=1)[:, None]
            position = torch.where(used, position, 0.0).clamp(0, size - 1)
            cell = position.long()
            nearness = position - cell  # to the next cell
            weights.scatter_add_(2, cell[..., None], (share * (1 - nearness))[..., None])
            weights.scatter_add_(2, (cell + 1).clamp(max=size - 1)[..., None], (share * nearness)[..., None])
        return weights


@dataclass(frozen=True)
class _Window:
    """The part of the maps that a RoI sees, and its weights there."""

    place: tuple[int, slice, slice]  # of [B, H, W]
    down: Tensor  # [height, h]
    across: Tensor  # [width, w]


def _windows(rois: Tensor, sampling: _Sampling, size, bins, kind: torch.dtype) -> list[_Window | None]:
    """RoIs [K, 5], maps of `size` (H, W), `bins` (height, width) -> a window a RoI; None for one that sees nothing."""
    if not len(rois):
        return []
    images = rois[:, 0].long().tolist()
    x1, y1, x2, y2 = rois[:, 1:].double().T
    down = sampling.weights(y1, y2, size[0], bins[0])
    across = sampling.weights(x1, x2, size[1], bins[1])
    spans = list(zip(images, _spans(down), _spans(across)))
    down, across = down.to(kind), across.to(kind)
    return [
        _Window((image, y, x), down[k, :, y], across[k, :, x]) if y.stop and x.stop else None
        for k, (image, y, x) in enumerate(spans)
    ]


def _spans(weights: Tensor) -> list[slice]:
    """Weights [K, bins, size] -> of each RoI the cells from the first to the last with a weight; slice(0, 0): none."""
    seen = (weights != 0).any(1)  # [K, size]
    cells = torch.arange(1, seen.shape[1] + 1, device=seen.device)
    stop = (seen * cells).amax(1)
    start = seen.int().argmax(1)  # the first of the largest
    return [slice(*span) for span in zip(torch.minimum(start, stop).tolist(), stop.tolist())]
