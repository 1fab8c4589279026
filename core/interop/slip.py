"""The checkpoints of facebookresearch/SLIP: SLIP and its CLIP, with timm's vision transformer and CLIP's text tower.

What names and shapes do not say is one for all of them: exact GELU and eps 1e-6 in the image tower, 12 heads of the
ViT-S where others take 6, and how pictures were evaluated.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isqrt

from tandemclip.core.errors import UserError
from tandemclip.core.interop.adapter import Row, under
from tandemclip.core.interop.open_clip import HEAD, TEXT, batch_norm, blocks, count, layer, text_architecture
from tandemclip.core.interop.unicl import IMAGENET
from tandemclip.core.methods.slip import SLIP
from tandemclip.core.towers.presets import TIMM_VIT

HEADS = {384: 12}  # of a width; others have a head of 64
VIT_BLOCK = [
    *layer("attention_norm", "norm1"),
    *layer("attention.qkv", "attn.qkv"),
    *layer("attention.output", "attn.proj"),
    *layer("feed_forward_norm", "norm2"),
    *layer("feed_forward.expand", "mlp.fc1"),
    *layer("feed_forward.shrink", "mlp.fc2"),
]
VIT = [
    Row("class_token", "cls_token"),
    Row("positions", "pos_embed"),
    *layer("patches", "patch_embed.proj"),
    *layer("output_norm", "norm"),
]
HEAD_ROWS = [
    *(row for i in range(3) for row in layer(f"linears.{i}", f"layer{i + 1}")),
    *(row for i in range(2) for row in batch_norm(f"norms.{i}", f"bn{i + 1}")),
]


def table(method, names: Iterable[str] = ()) -> list[Row]:
    """Rows for a SLIP, or a CLIP, of ours with timm's form of the ViT."""
    image = VIT + [row for i in range(method.image.layers) for row in under(f"blocks.{i}", f"blocks.{i}", VIT_BLOCK)]
    return [
        Row("logit_scale", "logit_scale"),
        *under("image", "visual", image),
        Row("image.projection.weight", "image_projection", transposed=True),
        *under("text", "", TEXT + blocks(method.text.layers)),
        *(under("auxiliary.head", "image_mlp", HEAD_ROWS) if isinstance(method, SLIP) else []),
    ]


# ------------------------------------------------------------------ the architecture, from shapes
NEEDED = (
    *("visual.cls_token", "visual.pos_embed", "visual.patch_embed.proj.weight", "image_projection"),
    *("token_embedding.weight", "positional_embedding", "text_projection"),
)


def configuration(shapes: dict[str, tuple[int, ...]], activation: str | None) -> dict:
    """{name: shape} of a checkpoint -> the mapping of a SLIP, or of a CLIP where it has no head of SimCLR."""
    if activation is not None:
        raise UserError(
            f"--activation is {activation}, and SLIPs have gelu in the image tower and quick_gelu in the other; leave "
            "it out"
        )
    if missing := [name for name in NEEDED if name not in shapes]:
        raise UserError(
            f"received {len(shapes)} arrays without {', '.join(missing)}; expected a SLIP or CLIP of "
            "facebookresearch/SLIP (DeCLIP's copy of SLIP is --from declip)"
        )
    mapping = {"image": _vit(shapes), "text": text_architecture(shapes, ""), "crop": {"area": [0.5, 1.0], **IMAGENET}}
    if "image_mlp.layer1.weight" not in shapes:
        return {"type": "clip"} | mapping
    simclr = {"hidden": shapes["image_mlp.layer1.weight"][0], "width": shapes["image_mlp.layer3.weight"][0]}
    augmented = {"area": [0.08, 1.0], "flip": True, "moco_v2": {}, **IMAGENET}
    return {"type": "slip", "simclr": simclr, "augmented": augmented} | mapping


def _vit(shapes):
    width, _, patch, _ = shapes["visual.patch_embed.proj.weight"]
    return TIMM_VIT | {
        "type": "vit",
        "resolution": isqrt(shapes["visual.pos_embed"][1] - 1) * patch,
        "patch": patch,
        "width": width,
        "layers": count(shapes, r"visual\.blocks\.(\d+)\."),
        "heads": HEADS.get(width, width // HEAD),
        "embed_dim": shapes["image_projection"][1],
    }
