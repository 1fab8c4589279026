"""Towers of this project under names that an mmdet configuration knows."""

from functools import partial
from pathlib import Path

from mmdet.registry import MODELS
from mmengine.logging import print_log
from torch import Tensor

from tandemclip.core.errors import UserError
from tandemclip.core.towers.swin import SwinTransformer
from tandemclip.core.towers.vit import VisionTransformer
from tandemclip.downstream.detection.features import Features
from tandemclip.downstream.detection.pyramid import SimpleFeaturePyramid
from tandemclip.downstream.detection.stage_range import StageRange
from tandemclip.downstream.detection.start import start
from tandemclip.downstream.detection.tower_part import TowerPart

log = partial(print_log, logger="current")
MODELS.register_module(module=SimpleFeaturePyramid)


@MODELS.register_module()
class TandemBackbone(Features):
    """backbone=dict(_delete_=True, type="TandemBackbone", checkpoint=..., out_indices=(0, 1, 2, 3)); see Features.

    The neck's in_channels are `out_channels`. A ViT has one stride: its neck is a SimpleFeaturePyramid.
    """

    def __init__(self, *args, **options):
        super().__init__(*args, **options, say=log)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:  # [B, 3, H, W] -> [B, C, h, w] of each stage asked for
        return tuple(super().forward(images).values())


@MODELS.register_module()
class TandemSharedHead(TowerPart):
    """The last stage of a convolutional tower, run on what RoIAlign cuts out of the map before it (C4).

    roi_head=dict(shared_head=dict(_delete_=True, type="TandemSharedHead", checkpoint=...)), the checkpoint that the
    backbone is given with out_indices=(2,): each takes its own part of it. tower, norm_eval: as the backbone's.
    """

    def __init__(self, checkpoint: str | Path | None = None, tower: dict | str | None = None, norm_eval: bool = True):
        source = start(checkpoint, tower)
        if isinstance(source.tower, (SwinTransformer, VisionTransformer)):
            raise UserError(
                f"a shared head is the last stage of a convolutional tower, and {type(source.tower).__name__} is none; "
                "take a model with an FPN (Swin) or a SimpleFeaturePyramid (ViT)"
            )
        count = len(source.tower.stage_depths)
        part = StageRange(source.tower, count - 1, count)
        super().__init__(part, source, None, norm_eval)
        self.out_channels = source.tower.stage_dims[-1]
        for line in source.lines(part):
            log(line)

    def forward(self, x: Tensor) -> Tensor:  # [RoIs, C, h, w] -> [RoIs, out_channels, h / 2, w / 2]
        return self.run(x)[0]
