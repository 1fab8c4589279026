"""torchvision's ResNets, without their classifier: the image tower of a method that has one of ours.

Their projection is ours alone; it stays as it was drawn.
"""

from __future__ import annotations

from tandemclip.core.interop.adapter import Row, under
from tandemclip.core.interop.open_clip import batch_norm, bottleneck


def trunk(tower) -> list[Row]:
    """Rows for everything of a `ResNet` but its projection."""
    rows = [Row("first.weight", "conv1.weight"), *batch_norm("first_norm", "bn1")]
    for name, node in tower.nodes.items():
        if name.startswith("stages."):
            _, stage, index = name.split(".")
            rows += under(name, f"layer{int(stage) + 1}.{index}", bottleneck("shortcut" in node.nodes))
    return rows
