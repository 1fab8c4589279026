"""torchvision's ResNets of bottlenecks: resnet50, resnet101, resnet152, with or without their classifier.

Neither names nor shapes say how pictures were evaluated: 224 pixels from the middle of 256, by ImageNet's mean and
deviation, as torchvision publishes its weights.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tandemclip.core.errors import UserError
from tandemclip.core.interop.adapter import Row, under
from tandemclip.core.interop.open_clip import batch_norm, bottleneck, count
from tandemclip.core.interop.unicl import IMAGENET

RESOLUTION = 224
NEEDED = ("conv1.weight", "bn1.weight", "layer1.0.conv3.weight", "fc.weight", "fc.bias")


def trunk(tower) -> list[Row]:
    """Rows for everything of a `ResNet` but its projection."""
    rows = [Row("first.weight", "conv1.weight"), *batch_norm("first_norm", "bn1")]
    for name, node in tower.nodes.items():
        if name.startswith("stages."):
            _, stage, index = name.split(".")
            rows += under(name, f"layer{int(stage) + 1}.{index}", bottleneck("shortcut" in node.nodes))
    return rows


def table(method, names: Iterable[str] = ()) -> list[Row]:
    """Rows for a cross-entropy of ours with a `ResNet`, whose projection and bias are their classifier."""
    classifier = [Row("image.projection.weight", "fc.weight"), Row("bias", "fc.bias")]
    return [*under("image", "", trunk(method.image)), *classifier]


# ------------------------------------------------------------------ the architecture, from shapes
def configuration(shapes: dict[str, tuple[int, ...]], activation: str | None) -> dict:
    """{name: shape} of a checkpoint -> the mapping of a cross-entropy. Raises UserError where it is no such ResNet."""
    if activation is not None:
        raise UserError(f"--activation is {activation}, and a ResNet has ReLUs alone; leave it out")
    missing = [name for name in NEEDED if name not in shapes]
    if missing:
        raise UserError(
            f"received {len(shapes)} arrays without {', '.join(missing)}; expected all of torchvision's resnet50, "
            "resnet101 or resnet152 (resnet18 and resnet34 have blocks of two convolutions, without conv3)"
        )
    stages = {int(found[1]) for name in shapes if (found := re.match(r"layer(\d+)\.", name))}
    image = {
        "type": "resnet",
        "resolution": RESOLUTION,
        "layers": [count(shapes, rf"layer{stage}\.(\d+)\.") for stage in sorted(stages)],
        "width": shapes["conv1.weight"][0],
        "embed_dim": shapes["fc.weight"][0],
    }
    crop = {"crop_pct": 0.875, "flip": True, **IMAGENET}
    return {"type": "cross_entropy", "image": image, "crop": crop}
