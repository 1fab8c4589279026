"""Pictures fused into texts, stage by stage (LightCLIP 3.4, eq. 15, figure 2b)."""

from dataclasses import dataclass

from tandemclip.core.layers.convolution import Convolution
from tandemclip.core.layers.cross_attention import CrossAttention
from tandemclip.core.layers.norm import BatchNorm
from tandemclip.core.spec import Spec


@dataclass(frozen=True)
class StageFusion(Spec):
    """text + cross-attention(query = text, key and value = 1x1 convolution of the picture's map).

    channels: of the map. batch_norm: one after the convolution, which the paper does not name.
    """

    width: int
    channels: int
    heads: int = 8
    batch_norm: bool = False

    def children(self):
        norm = {"norm": BatchNorm(self.width)} if self.batch_norm else {}
        convolution = Convolution(self.channels, self.width, 1)
        return {"convolution": convolution} | norm | {"attention": CrossAttention(self.width, self.heads)}

    def forward(self, ops, p, text, image):  # [B, L, width], [B, channels, h, w] -> [B, L, width]
        cells = p.convolution(image)
        cells = p.norm(cells) if self.batch_norm else cells
        batch, width, rows, columns = cells.shape
        cells = ops.transpose(ops.reshape(cells, (batch, width, rows * columns)), (0, 2, 1))
        return text + p.attention(text, cells)


@dataclass(frozen=True)
class Fusion(Spec):
    """Several stages, each fused by itself, side by side: the channels of the first stage come first.

    widths, channels: of each stage of the text and of the picture, in one order. heads, batch_norm: as in StageFusion.
    """

    widths: tuple[int, ...]
    channels: tuple[int, ...]
    heads: int = 8
    batch_norm: bool = False

    def __post_init__(self):
        if not self.widths or len(self.widths) != len(self.channels):
            raise ValueError(
                f"{len(self.widths)} stages of a text are to be fused with {len(self.channels)} of a picture; give as "
                "many of each, one or more"
            )

    @property
    def output_dim(self) -> int:
        return sum(self.widths)

    def children(self):
        sizes = enumerate(zip(self.widths, self.channels))
        return {f"stages.{i}": StageFusion(width, count, self.heads, self.batch_norm) for i, (width, count) in sizes}

    def forward(self, ops, p, texts, images):  # ([B, L, widths[i]] ...), ([B, channels[i], h, w] ...) -> [B, L, sum]
        pairs = enumerate(zip(texts, images, strict=True))
        return ops.concat(tuple(p.child(f"stages.{i}")(text, image) for i, (text, image) in pairs), 2)
