"""The checkpoints of DeCLIP's repository: DeCLIP, DeFILIP, and its own CLIP, FILIP and SLIP.

Their towers are CLIP's, with four differences. The vocabulary has `<|mask|>` between the words and the start of text,
so that start and end are one id higher than CLIP's; here this row is taken out, and CLIP's ids hold. The projection of
the texts is a linear layer with a bias. The patch embedding was never trained. A ResNet has a layer `fc`, which stands
behind the pool in SLIP alone; elsewhere no picture of 224 pixels goes through it.

The queue of DeCLIP is in no file. Which method a file holds is told by its names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tandemclip.core.errors import UserError
from tandemclip.core.interop.adapter import Row, under
from tandemclip.core.interop.open_clip import (
    HEAD,
    VIT,
    batch_norm,
    blocks,
    count,
    layer,
    resnet,
    resnet_architecture,
    vit_architecture,
)
from tandemclip.core.interop.unicl import IMAGENET
from tandemclip.core.methods.declip import DeCLIP
from tandemclip.core.methods.defilip import DENSE_SCALE, DeFILIP
from tandemclip.core.methods.filip import FILIP
from tandemclip.core.methods.masked_caption import MASK
from tandemclip.core.methods.slip import SLIP
from tandemclip.core.towers.modified_resnet import ModifiedResNet

WORDS = 49_406  # ids below are words; then come <|mask|>, the start and the end of a text
KEPT, MASK_ROW = ((0, WORDS), (WORDS + 1, WORDS + 3)), ((WORDS, WORDS + 1),)
TEXT = [
    Row("positions", "positional_embedding"),
    *layer("output_norm", "ln_final"),
    *layer("projection", "text_projection"),
]
PROJECTOR = [row for i in range(3) for row in layer(f"linears.{i}", f"linear{i + 1}")]
TWO_NORMS = [row for i in range(2) for row in batch_norm(f"norms.{i}", f"bn{i + 1}")]
LAST_NORM = batch_norm("norms.2", "bn3")
PREDICTOR = [*layer("linears.0", "linear1"), *batch_norm("norms.0", "bn1"), *layer("linears.1", "layer2")]


def table(method, names: Iterable[str] = ()) -> list[Row]:
    """Rows for one of the five methods. names: those of the checkpoint, which tell what it has beside our parts."""
    words = text_name(method)
    text = under("text", words, TEXT + blocks(method.text.layers))
    embedding = f"{words}.token_embedding.weight"
    own = own_rows(method, set(names))
    mask = MASK if isinstance(method, (DeCLIP, FILIP)) and method.masks else None
    tokens = [Row("text.tokens", embedding, spans=KEPT), Row(mask, embedding, spans=MASK_ROW)]
    return [*image_rows(method.image, set(names)), *text, *tokens, *own]


def text_name(method) -> str:
    return "text_encoder" if isinstance(method, SLIP) else "encode_text"


def image_rows(tower, names) -> list[Row]:
    if not isinstance(tower, ModifiedResNet):
        return under("image", "visual", VIT + blocks(tower.layers))
    if tower.pool_dim is not None:
        return under("image", "visual", resnet(tower) + layer("projection", "fc"))
    return under("image", "visual", resnet(tower)) + left(layer("", "visual.fc"), names)


def own_rows(method, names) -> list[Row]:
    """Of what each method has beside its towers."""
    scale = Row("logit_scale", "logit_scale")
    if isinstance(method, FILIP):  # its global contrast has weight 0, and so has the prediction of words
        unused = [Row("", "logit_scale"), *layer("", "text_label_predictor")]
        return [Row("logit_scale", "logit_scale_dense"), *tokens(""), *left(unused, names)]
    if isinstance(method, SLIP):
        head = under("auxiliary.head", "predictor_sim", PROJECTOR + TWO_NORMS)
        return [scale, *head, *left(under("", "predictor_sim", LAST_NORM), names)]
    if not isinstance(method, DeCLIP):
        return [scale]
    heads = under("auxiliary.projector", "projector", PROJECTOR + TWO_NORMS + LAST_NORM)
    heads += under("auxiliary.predictor", "predictor", PREDICTOR)
    for ours, theirs in (("weight", "text_label_predictor.weight"), ("bias", "text_label_predictor.bias")):
        heads += [Row(f"auxiliary.words.{ours}", theirs, spans=KEPT), Row(None, theirs, spans=MASK_ROW)]
    if isinstance(method, DeFILIP):
        heads += [Row(DENSE_SCALE, "logit_scale_dense"), *tokens("auxiliary.")]
    return [scale, *heads]


def tokens(prefix: str) -> list[Row]:
    """Of the maps that tokens go through before they are compared."""
    return [row for side in ("image", "text") for row in layer(f"{prefix}{side}_tokens", f"{side}_mapping")]


def left(rows: Iterable[Row], names) -> list[Row]:
    """Those that a checkpoint has, to be left behind."""
    return [replace(row, ours=None) for row in rows if row.theirs in names]


# ------------------------------------------------------------------ the architecture, from shapes
CROP = {"crop_pct": 0.875, **IMAGENET}
BOUNDS = {"temperature": 0.049787068, "scale_bounds": [20.0855, 100.0]}  # e^-3; e^3 and 100
DENSE = {"tokens": "last_block", "padding": True, "select": 16}
AUGMENTED = {"area": [0.2, 1.0], "flip": True, "moco_v2": {}, **IMAGENET}


def configuration(shapes: dict[str, tuple[int, ...]], activation: str | None) -> dict:
    """{name: shape} of a checkpoint -> the mapping of its method, at the values of the benchmark.

    Raises UserError where it is none of the five, or has the RN50 of SLIP that the released code could not run.
    """
    if activation not in (None, "quick_gelu"):
        raise UserError(
            f"--activation is {activation}, and the models of DeCLIP's repository are quick_gelu's; leave it out"
        )
    slip = "predictor_sim.linear1.weight" in shapes
    text = "text_encoder" if slip else "encode_text"
    trunk = "visual.attnpool.c_proj.weight" if "visual.attnpool.c_proj.weight" in shapes else "visual.proj"
    needed = [f"{text}.token_embedding.weight", f"{text}.positional_embedding", f"{text}.text_projection.weight", trunk]
    if missing := [name for name in needed if name not in shapes]:
        raise UserError(
            f"received {len(shapes)} arrays without {', '.join(missing)}; expected a model of DeCLIP's repository "
            "(clip, declip, filip, defilip or slip, with a ViT or a ResNet)"
        )
    if (ids := shapes[needed[0]][0]) != WORDS + 3:
        raise UserError(f"{needed[0]} has {ids} rows; expected {WORDS + 3}, CLIP's ids and one of <|mask|>")
    towers = {"image": _image(shapes, shapes[needed[2]][0]), "text": _text(shapes, text)}
    return _method(shapes, slip) | towers


def _method(shapes, slip) -> dict:
    width = {"width": shapes["image_mapping.weight"][0]} if "image_mapping.weight" in shapes else None
    if slip:
        hidden, head = shapes["predictor_sim.linear1.weight"][0], shapes["predictor_sim.linear3.weight"][0]
        simclr = {"simclr": {"hidden": hidden, "width": head}, "augmented": AUGMENTED}
        return {
            "type": "slip",
            "crop": {"area": [0.5, 1.0], **CROP},
            **BOUNDS,
            "scale_bounds": [20.0855, 403.43],
        } | simclr
    if "projector.linear1.weight" in shapes:
        sizes = {
            name: shapes[f"{part}.linear1.weight"][0]
            for name, part in (("width", "projector"), ("hidden", "predictor"))
        }
        own = {"simsiam": sizes | {"statistics": "rank"}, "crop": AUGMENTED | CROP, **BOUNDS}
        return {"type": "declip"} | own if width is None else {"type": "defilip", "filip": width | DENSE} | own
    if width is not None:
        return {"type": "filip", "crop": AUGMENTED | CROP, "caption": "masked", **width, **DENSE}
    return {"type": "clip", "crop": {"area": [0.5, 1.0], **CROP}}


def _image(shapes, embed_dim) -> dict:
    if "visual.proj" in shapes:
        return vit_architecture(shapes) | {"frozen_patches": True}
    pooled = shapes["visual.attnpool.c_proj.weight"][0]
    read = shapes.get("predictor_sim.linear1.weight", (0, pooled))[1]
    if read != pooled:
        raise UserError(
            f"visual.attnpool.c_proj gives {pooled} numbers, and predictor_sim.linear1 takes {read}; the released code "
            "could not run such a SLIP: give one whose c_proj gives as many"
        )
    behind = {} if pooled == embed_dim else {"pool_dim": pooled}
    return resnet_architecture(shapes) | {"embed_dim": embed_dim} | behind


def _text(shapes, prefix) -> dict:
    embed_dim, width = shapes[f"{prefix}.text_projection.weight"]
    return {
        "type": "text_transformer",
        "vocab_size": WORDS + 2,
        "context_length": shapes[f"{prefix}.positional_embedding"][0],
        "width": width,
        "layers": count(shapes, rf"{prefix}\.transformer\.resblocks\.(\d+)\."),
        "heads": width // HEAD,
        "embed_dim": embed_dim,
        "projection_bias": True,
    }
