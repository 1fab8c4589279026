"""OpenAI's CLIP and open_clip: the same names for the same towers.

What the names do not say, and shapes do not either, is the activation: open_clip's plain "ViT-B-32" computes the exact
GELU, OpenAI's weights and open_clip's "-quickgelu" models x sigmoid(1.702 x).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import isqrt

from tandemclip.core.errors import UserError
from tandemclip.core.interop.adapter import Row, under
from tandemclip.core.towers.modified_resnet import ModifiedResNet

HEAD = 64
HEAD_OF_WIDTH = {1280: 80}  # ViT-H; wider ones (g, bigG, e) have another feed-forward width too and fail by shape


def table(method, names: Iterable[str] = ()) -> list[Row]:
    """Rows for a CLIP of ours. names: those of the checkpoint, which tell whether text names begin with "text."."""
    prefix = "text" if any(name.startswith("text.") for name in names) else ""
    text = under("text", prefix, TEXT + blocks(method.text.layers))
    return [Row("logit_scale", "logit_scale"), *image_rows(method.image), *text]


# ------------------------------------------------------------------ parts
def layer(ours: str, theirs: str) -> list[Row]:
    return [Row(f"{ours}.{name}", f"{theirs}.{name}") for name in ("weight", "bias")]


def batch_norm(ours: str, theirs: str) -> list[Row]:
    statistics = [Row(f"{ours}.mean", f"{theirs}.running_mean"), Row(f"{ours}.variance", f"{theirs}.running_var")]
    return layer(ours, theirs) + statistics


ATTENTION = [
    *layer("attention_norm", "ln_1"),
    Row("attention.qkv.weight", "attn.in_proj_weight"),
    Row("attention.qkv.bias", "attn.in_proj_bias"),
    *layer("attention.output", "attn.out_proj"),
    *layer("feed_forward_norm", "ln_2"),
]
BLOCK = [*ATTENTION, *layer("feed_forward.expand", "mlp.c_fc"), *layer("feed_forward.shrink", "mlp.c_proj")]
VIT = [
    Row("class_token", "class_embedding"),
    Row("positions", "positional_embedding"),
    Row("patches.weight", "conv1.weight"),
    *layer("input_norm", "ln_pre"),
    *layer("output_norm", "ln_post"),
    Row("projection.weight", "proj", transposed=True),
]
TEXT = [
    Row("tokens", "token_embedding.weight"),
    Row("positions", "positional_embedding"),
    *layer("output_norm", "ln_final"),
    Row("projection.weight", "text_projection", transposed=True),
]
POOL = [
    Row("positions", "positional_embedding"),
    *(row for name in ("query", "key", "value") for row in layer(name, f"{name[0]}_proj")),
    *layer("output", "c_proj"),
]
CONVOLUTIONS = ("reduce", "spatial", "expand")


def blocks(count: int, theirs: str = "resblocks", rows: Iterable[Row] = BLOCK, first: int = 0) -> list[Row]:
    """`count` blocks from our number `first` on; in their list they are numbered from 0."""
    return [row for i in range(count) for row in under(f"blocks.{first + i}", f"transformer.{theirs}.{i}", rows)]


def image_rows(tower) -> list[Row]:
    if isinstance(tower, ModifiedResNet):
        return under("image", "visual", resnet(tower))
    return under("image", "visual", VIT + blocks(tower.layers))


def resnet(tower) -> list[Row]:
    rows = under("pool", "attnpool", POOL)
    for i in range(3):
        rows += [Row(f"stem.{i}.weight", f"conv{i + 1}.weight"), *batch_norm(f"stem_norm.{i}", f"bn{i + 1}")]
    for name, node in tower.nodes.items():
        if name.startswith("stages."):
            _, stage, index = name.split(".")
            rows += under(name, f"layer{int(stage) + 1}.{index}", bottleneck("shortcut" in node.nodes))
    return rows


def bottleneck(shortcut: bool) -> list[Row]:
    rows = [Row("shortcut.weight", "downsample.0.weight"), *batch_norm("shortcut_norm", "downsample.1")]
    rows = rows if shortcut else []
    for i, name in enumerate(CONVOLUTIONS, 1):
        rows += [Row(f"{name}.weight", f"conv{i}.weight"), *batch_norm(f"{name}_norm", f"bn{i}")]
    return rows


# ------------------------------------------------------------------ the architecture, from shapes
def configuration(shapes: dict[str, tuple[int, ...]], activation: str | None) -> dict:
    """{name: shape} of a checkpoint -> the mapping of a CLIP."""
    if activation is None:
        raise UserError(
            "--activation is missing; neither names nor shapes tell it: give quick_gelu (OpenAI's weights) or gelu"
        )
    image, text = architecture(shapes).values()
    if image["type"] == "vit":  # the ResNet's activation is the ReLU
        image = image | {"activation": activation}
    crop = {"resize": "pillow_bicubic"}  # as these weights were trained and evaluated
    return {"type": "clip", "image": image, "text": text | {"activation": activation}, "crop": crop}


def architecture(shapes: dict[str, tuple[int, ...]]) -> dict[str, dict]:
    """{name: shape} of a checkpoint -> {"image": ..., "text": ...}, mappings as a configuration has them.

    The activation is not in there. Raises UserError for towers that are neither CLIP's ViT nor its ResNet.
    """
    text = "text." if "text.token_embedding.weight" in shapes else ""
    needed = [f"{text}token_embedding.weight", f"{text}positional_embedding", f"{text}text_projection"]
    resnet = "visual.attnpool.c_proj.weight" in shapes
    if resnet:
        needed += ["visual.attnpool.positional_embedding", "visual.layer1.0.conv1.weight"]
    else:
        needed += ["visual.conv1.weight", "visual.positional_embedding", "visual.proj"]
    missing = [name for name in needed if name not in shapes]
    if missing:
        raise UserError(
            f"received {len(shapes)} arrays without {', '.join(missing)}; expected a model of CLIP's own towers (ViT "
            "or ModifiedResNet, and CLIP's text transformer): other open_clip towers are not converted"
        )
    image = resnet_architecture(shapes) if resnet else vit_architecture(shapes)
    return {"image": image, "text": text_architecture(shapes, text)}


def text_architecture(shapes, prefix):
    vocabulary, width = shapes[f"{prefix}token_embedding.weight"]
    return {
        "type": "text_transformer",
        "vocab_size": vocabulary,
        "context_length": shapes[f"{prefix}positional_embedding"][0],
        "width": width,
        "layers": count(shapes, re.escape(prefix) + r"transformer\.resblocks\.(\d+)\."),
        "heads": width // HEAD,
        "embed_dim": shapes[f"{prefix}text_projection"][1],
    }


def vit_architecture(shapes):
    width, _, patch, _ = shapes["visual.conv1.weight"]
    return {
        "type": "vit",
        "resolution": isqrt(shapes["visual.positional_embedding"][0] - 1) * patch,
        "patch": patch,
        "width": width,
        "layers": count(shapes, r"visual\.transformer\.resblocks\.(\d+)\."),
        "heads": width // HEAD_OF_WIDTH.get(width, HEAD),
        "embed_dim": shapes["visual.proj"][1],
    }


def resnet_architecture(shapes):
    width = shapes["visual.layer1.0.conv1.weight"][0]
    return {
        "type": "modified_resnet",
        "resolution": isqrt(shapes["visual.attnpool.positional_embedding"][0] - 1) * 32,
        "layers": [count(shapes, rf"visual\.layer{stage}\.(\d+)\.") for stage in (1, 2, 3, 4)],
        "width": width,
        "heads": width * 32 // HEAD,
        "embed_dim": shapes["visual.attnpool.c_proj.weight"][0],
    }


def count(shapes, pattern):
    """How many different numbers stand where the pattern has its group."""
    return len({match[1] for match in (re.match(pattern, name) for name in shapes) if match})
