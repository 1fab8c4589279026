"""MixUp and CutMix of a batch: every picture with its neighbour, rows 0 and 1, 2 and 3, so that ranks and pieces mix as
the whole does.
"""

from tandemclip.core.errors import UserError


def mixed(ops, images, own):  # [B, 3, H, W], [B, 1, H, W] -> [B, 3, H, W], the share [B] of the own picture in each
    return images * own + neighbours(ops, images) * (1.0 - own), ops.mean(own, (1, 2, 3))


def neighbours(ops, x):  # [B, ...] -> rows 1, 0, 3, 2, ...
    batch, *rest = x.shape
    if batch % 2:
        raise UserError(
            f"mixup and cutmix pair neighbours, and a piece of the batch has {batch} samples; give it an even number"
        )
    pairs = ops.reshape(x, (batch // 2, 2, *rest))
    return ops.reshape(ops.concat((pairs[:, 1:], pairs[:, :1]), 1), x.shape)
