"""PyramidCLIP's released checkpoints.

Every transformer there is two lists, `resblocks1` and `resblocks2`: in a ViT the blocks with LeFF and those without, in
the text tower the same split with nothing behind it. Its other names are CLIP's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tandemclip.core.interop.adapter import Row, under
from tandemclip.core.interop.open_clip import ATTENTION, BLOCK, TEXT, VIT, batch_norm, blocks, layer, resnet
from tandemclip.core.towers.modified_resnet import ModifiedResNet

RELEASED_FRONT = 9
LEFF = [
    *ATTENTION,
    *layer("feed_forward.expand", "mlp.linear1"),
    *batch_norm("feed_forward.expand_norm", "mlp.ac1.bn"),
    Row("feed_forward.local.weight", "mlp.depConv.depconv.weight"),
    *batch_norm("feed_forward.local_norm", "mlp.depConv.bn"),
    *layer("feed_forward.shrink", "mlp.linear2"),
    *batch_norm("feed_forward.shrink_norm", "mlp.ac2.bn"),
]
VIT_ROIS = [Row("rois.projection.weight", "proj_pre", transposed=True)]
POOL_ROIS = [
    Row("pool.rois.projection.weight", "attnpool.proj_pre", transposed=True),
    *layer("pool.roi_norm", "attnpool.ln_pre"),
]


def table(method, names: Iterable[str] = ()) -> list[Row]:
    """Rows for a PyramidCLIP of ours. names: the checkpoint's, which tell where its text tower is split (none: 9)."""
    found = [int(m[1]) for m in (re.match(r"transformer\.resblocks1\.(\d+)\.", name) for name in names) if m]
    front = max(found) + 1 if found else RELEASED_FRONT
    text = under("text", "", TEXT + two_lists(method.text.layers, front, BLOCK))
    return [Row("logit_scale", "logit_scale"), *image_rows(method.image), *text]


def two_lists(layers: int, front: int, front_rows: list[Row]) -> list[Row]:
    front = min(front, layers)
    return blocks(front, "resblocks1", front_rows) + blocks(layers - front, "resblocks2", BLOCK, front)


def image_rows(tower) -> list[Row]:
    if isinstance(tower, ModifiedResNet):
        return under("image", "visual", resnet(tower) + POOL_ROIS)
    return under("image", "visual", VIT + VIT_ROIS + two_lists(tower.layers, tower.leff_depth, LEFF))
