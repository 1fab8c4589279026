"""UniCL's released checkpoints: a Swin, CLIP's text transformer, two raw projections.

Tables that follow from the window's size (`relative_position_index`, `attn_mask`) lie in the files too and are skipped.
"""

from __future__ import annotations

from collections.abc import Iterable

from tandemclip.core.interop.adapter import Row, under
from tandemclip.core.interop.open_clip import BLOCK, layer

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
    image = [*layer("patches", "patch_embed.proj"), *layer("input_norm", "patch_embed.norm"), *layer("output_norm", "norm")]
    for i, depth in enumerate(swin.depths):
        for j in range(depth):
            image += under(f"stages.{i}.{j}", f"layers.{i}.blocks.{j}", SWIN_BLOCK)
        if i + 1 < len(swin.depths):
            image += under(f"merges.{i}", f"layers.{i}", MERGE)
    words = [Row("tokens", "token_embedding.weight"), Row("positions", "positional_embedding"), *layer("output_norm", "ln_final")]
    for i in range(text.layers):
        words += under(f"blocks.{i}", f"resblocks.{i}", BLOCK)
    return [
        Row("logit_scale", "logit_scale"),
        *under("image", "image_encoder", image),
        Row("image.projection.weight", "image_projection", transposed=True),
        *under("text", "text_encoder", words),
        Row("text.projection.weight", "text_projection", transposed=True),
    ]
