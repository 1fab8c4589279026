"""How residual networks begin: from a picture to a map of a quarter of its side."""

from tandemclip.core.layers.convolution import Convolution
from tandemclip.core.layers.norm import BatchNorm
from tandemclip.core.spec import Spec


def clip_stem(width: int) -> dict[str, Spec]:
    """CLIP's (Radford et al. 2021, 2.4): three convolutions, the first two half as wide. width is even."""
    if width % 2:
        raise ValueError(f"width {width} is not even, and the stem's first half is half as wide")
    half = width // 2
    return {
        "stem.0": Convolution(3, half, 3, stride=2),
        "stem_norm.0": BatchNorm(half),
        "stem.1": Convolution(half, half, 3),
        "stem_norm.1": BatchNorm(half),
        "stem.2": Convolution(half, width, 3),
        "stem_norm.2": BatchNorm(width),
    }


def through_clip_stem(ops, p, images):  # [B, 3, H, W] -> [B, width, H / 4, W / 4]; p: of the spec that has the stem
    x = images
    for i in range(3):
        x = ops.relu(p.child(f"stem_norm.{i}")(p.child(f"stem.{i}")(x)))
    return ops.avg_pool2d(x, 2)


def max_pool(ops, x):  # [B, C, H, W] -> [B, C, H / 2, W / 2]: maxima of 3 x 3, stride 2, padded by 1, H and W even
    """Along either side: of an even place, the odd one behind it and the odd one before it, where there is one."""
    batch, channels, height, width = x.shape
    x = ops.reshape(x, (batch, channels, height // 2, 2, width))
    even, odd = x[:, :, :, 0], x[:, :, :, 1]
    x = ops.maximum(ops.maximum(even, odd), ops.concat((even[:, :, :1], odd[:, :, :-1]), 2))
    x = ops.reshape(x, (batch, channels, height // 2, width // 2, 2))
    even, odd = x[:, :, :, :, 0], x[:, :, :, :, 1]
    return ops.maximum(ops.maximum(even, odd), ops.concat((even[:, :, :, :1], odd[:, :, :, :-1]), 3))
