"""UniCL's released checkpoints: a Swin, CLIP's text transformer, two raw projections.

What names and shapes do not say is one for all of them: the activation, eps, and how pictures were evaluated. Tables
that follow from the window's size (`relative_position_index`, `attn_mask`) lie in the files too and are skipped.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isqrt

from tandemclip.core.errors import UserError
from tandemclip.core.interop.adapter import Row, under
from tandemclip.core.interop.open_clip import BLOCK, HEAD, count, layer

SWIN_BLOCK = [
    *layer("attention_norm", "norm1"),
    Row("attention.relative_bias", "attn.relative_position_bias_table"),
    *layer("attention.qkv", "attn.qkv"),
    *layer("attention.output", "attn.proj"),
    *layer("feed_forward_norm", "norm2"),
    *layer("feed_forward.expand", "mlp.fc1"),
    *layer("feed_forward.shrink", "mlp.fc2"),
]
MERGE = [*layer("norm", "downsample.norm"), Row("reduction.weight", "downsample.reduction.weight")]


def table(method, names: Iterable[str] = ()) -> list[Row]:
    """Rows for a UniCL of ours with a Swin."""
    swin, text = method.image, method.text
    image = [
        *layer("patches", "patch_embed.proj"),
        *layer("input_norm", "patch_embed.norm"),
        *layer("output_norm", "norm"),
    ]
    for i, depth in enumerate(swin.depths):
        for j in range(depth):
            image += under(f"stages.{i}.{j}", f"layers.{i}.blocks.{j}", SWIN_BLOCK)
        if i + 1 < len(swin.depths):
            image += under(f"merges.{i}", f"layers.{i}", MERGE)
    words = [
        Row("tokens", "token_embedding.weight"),
        Row("positions", "positional_embedding"),
        *layer("output_norm", "ln_final"),
    ]
    for i in range(text.layers):
        words += under(f"blocks.{i}", f"resblocks.{i}", BLOCK)
    return [
        Row("logit_scale", "logit_scale"),
        *under("image", "image_encoder", image),
        Row("image.projection.weight", "image_projection", transposed=True),
        *under("text", "text_encoder", words),
        Row("text.projection.weight", "text_projection", transposed=True),
    ]


# ------------------------------------------------------------------ the architecture, from shapes
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
FIRST = "image_encoder.layers.0.blocks"
NEEDED = (
    *("image_encoder.patch_embed.proj.weight", f"{FIRST}.0.attn.relative_position_bias_table", f"{FIRST}.1.attn_mask"),
    *(
        "text_encoder.token_embedding.weight",
        "text_encoder.positional_embedding",
        "image_projection",
        "text_projection",
    ),
)


def configuration(shapes: dict[str, tuple[int, ...]], activation: str | None) -> dict:
    """{name: shape} of a checkpoint -> the mapping of a UniCL. Raises UserError where it is none with a Swin."""
    if activation not in (None, "quick_gelu"):
        raise UserError(f"--activation is {activation}, and released UniCLs are quick_gelu's; leave it out")
    missing = [name for name in NEEDED if name not in shapes]
    if missing:
        raise UserError(
            f"received {len(shapes)} arrays without {', '.join(missing)}; expected a released UniCL with a Swin, "
            "attn_mask included, from which the resolution is read"
        )
    vocabulary, width = shapes["text_encoder.token_embedding.weight"]
    text = {
        "type": "text_transformer",
        "vocab_size": vocabulary,
        "context_length": shapes["text_encoder.positional_embedding"][0],
        "width": width,
        "layers": count(shapes, r"text_encoder\.resblocks\.(\d+)\."),
        "heads": width // HEAD,
        "embed_dim": shapes["text_projection"][1],
        "eps": 1e-12,
        "initial": "0.02",
    }
    crop = {"resize": "pillow_bicubic", "crop_pct": 0.875, **IMAGENET}
    return {"type": "unicl", "image": _swin(shapes), "text": text, "crop": crop}


def _swin(shapes):
    width, _, patch, _ = shapes["image_encoder.patch_embed.proj.weight"]
    windows, tokens, _ = shapes[f"{FIRST}.1.attn_mask"]
    stages = range(count(shapes, r"image_encoder\.layers\.(\d+)\."))
    heads = [shapes[f"image_encoder.layers.{i}.blocks.0.attn.relative_position_bias_table"][1] for i in stages]
    return {
        "type": "swin",
        "resolution": isqrt(windows * tokens) * patch,
        "embed_dim": shapes["image_projection"][1],
        "width": width,
        "depths": [count(shapes, rf"image_encoder\.layers\.{i}\.blocks\.(\d+)\.") for i in stages],
        "heads": heads,
        "window": isqrt(tokens),
        "patch": patch,
    }
