"""LayerNorm over the channels of a map."""

from torch import Tensor, nn


class ChannelNorm(nn.LayerNorm):
    """[B, channels, h, w] -> the same, every place by itself."""

    def __init__(self, channels: int, eps: float):
        super().__init__(channels, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
