"""Maps of a trained tower for a detector, as an nn.Module that needs torch and nothing of mmdet's.

    backbone = Features("runs/clip")
    maps = backbone(images)        # {"0": [B, 256, H / 4, W / 4], "1": ..., "2": ..., "3": [B, 2048, H / 32, W / 32]}
    torch.save(backbone.state_dict(), "backbone.pth")

torchvision's FeaturePyramidNetwork takes the dictionary as it is; `out_channels` and `strides` are for Detectron2's.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path

from torch import Tensor, nn

from tandemclip.core.errors import UserError
from tandemclip.core.towers.swin import SwinTransformer
from tandemclip.core.towers.tower import ImageTower
from tandemclip.downstream.detection.channel_norm import ChannelNorm
from tandemclip.downstream.detection.stage_range import StageRange
from tandemclip.downstream.detection.start import start
from tandemclip.downstream.detection.tower_part import TowerPart


class Features(TowerPart):
    """Images [B, 3, H, W], RGB, normalised as in pre-training -> {"0": the first map asked for, ...}.

    H and W are multiples of the tower's `stride`. checkpoint: a run or a checkpoint, of either engine. tower: a mapping
    as `image` in a configuration, in place of a checkpoint, for random weights. out_indices: the stages whose maps are
    given, counted from 0. frozen_stages: so many stages, and what stands in front of them, never train; at 0 the front
    alone, at -1 nothing. drop_path: another chance than the tower's, for a Swin. say: is told what is loaded.
    A Swin's maps go through a LayerNorm each (as in Swin's own detectors): new parameters, `norms.I`, which train
    whatever is frozen.
    """

    def __init__(
        self,
        checkpoint: str | Path | None = None,
        tower: dict | str | None = None,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        frozen_stages: int = -1,
        norm_eval: bool = True,
        drop_path: float | None = None,
        say: Callable[[str], None] = print,
    ):
        source = start(checkpoint, tower)
        spec = source.tower if drop_path is None else _with_drop_path(source.tower, drop_path)
        count = len(spec.stage_depths)
        _require_stages(out_indices, frozen_stages, count)
        part = StageRange(spec, 0, out_indices[-1] + 1)
        frozen = StageRange(spec, 0, min(frozen_stages, part.stop)) if frozen_stages >= 0 else None
        super().__init__(part, source, frozen, norm_eval)
        self.out_indices, self.stride = tuple(out_indices), spec.stride
        self.out_channels = [spec.stage_dims[i] for i in out_indices]
        self.strides = [part.strides[i] for i in out_indices]
        normed = dict(zip(out_indices, self.out_channels)) if isinstance(spec, SwinTransformer) else {}
        self.norms = nn.ModuleDict({str(i): ChannelNorm(channels, spec.eps) for i, channels in normed.items()})
        for line in source.lines(part):
            say(line)
        if self.norms:
            say(f"new, at their start: {', '.join(f'norms.{name}' for name, _ in self.norms.named_parameters())}")

    def stages(self, images: Tensor) -> tuple[Tensor, ...]:
        """[B, 3, H, W] -> the maps [B, C, h, w] of `out_indices`, as the stages gave them, before any norm."""
        if images.shape[2] % self.stride or images.shape[3] % self.stride:
            raise UserError(
                f"the pictures are {images.shape[2]} x {images.shape[3]}, and this tower takes multiples of "
                f"{self.stride}: pad them (mmdet: data_preprocessor=dict(pad_size_divisor={self.stride}))"
            )
        maps = self.run(images)
        return tuple(maps[i] for i in self.out_indices)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        named = zip(self.out_indices, self.stages(images))
        return {str(place): self.norms[str(i)](x) if str(i) in self.norms else x for place, (i, x) in enumerate(named)}


def _with_drop_path(tower: ImageTower, rate: float) -> ImageTower:
    if "drop_path" not in (field.name for field in fields(tower)):
        raise UserError(f"drop_path={rate} is given, and a {type(tower).__name__} has none; leave it out")
    try:
        return replace(tower, drop_path=rate)
    except ValueError as error:
        raise UserError(str(error)) from error


def _require_stages(out_indices: Sequence[int], frozen_stages: int, count: int) -> None:
    if not out_indices or sorted({*out_indices} & {*range(count)}) != [*out_indices]:
        raise UserError(
            f"out_indices={tuple(out_indices)}; give stages from 0 to {count - 1} in rising order, each once"
        )
    if not -1 <= frozen_stages <= count:
        raise UserError(f"frozen_stages={frozen_stages}; give -1 (nothing is frozen) to {count} (all stages)")
