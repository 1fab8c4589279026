"""A folder of Hugging Face's with a BERT, as the text tower that it is for us.

A BERT reads no pictures and has no projection into a common space, so that its checkpoint holds the text tower alone:
`init` takes it, and what it lacks starts as drawn.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tandemclip.core.errors import UserError
from tandemclip.core.interop.adapter import Row, convert, under
from tandemclip.core.interop.open_clip import layer
from tandemclip.core.towers.bert import Bert

CONFIG, ARRAYS = "config.json", ("model.safetensors", "pytorch_model.bin")
# {key of config.json: our field}
SIZES = {
    "vocab_size": "vocab_size",
    "hidden_size": "width",
    "num_hidden_layers": "layers",
    "num_attention_heads": "heads",
    "max_position_embeddings": "max_positions",
    "type_vocab_size": "token_types",
    "layer_norm_eps": "eps",
}
PREFIX = "bert."  # of the encoder's arrays, where heads of a pre-training or another task stand beside it
OLD = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}  # names of the first releases
ORDER = ("query", "key", "value")  # in `attention.qkv`
FUSED = "attention.self.qkv"
POOLER = "pooler.dense"
NUMBERS = "embeddings.position_ids"  # 0, 1, 2 ... in older files


@dataclass(frozen=True)
class Encoder(Bert):
    """What a file of theirs holds: all but the projection."""

    def children(self):
        return {name: child for name, child in super().children().items() if name != "projection"}


# ------------------------------------------------------------------ the architecture, from config.json
def described(folder: Path) -> dict:
    """config.json. UserError where there is none."""
    try:
        found = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"{folder / CONFIG} cannot be read ({error.strerror}); give the folder that BertModel.save_pretrained wrote"
        ) from error
    except ValueError as error:
        raise UserError(f"{folder / CONFIG} is no JSON ({error}); copy it again") from error
    return found if isinstance(found, dict) else {}


def arrays_of(folder: Path) -> Path:
    """The file of the arrays. UserError where there is none."""
    for name in ARRAYS:
        if (folder / name).is_file():
            return folder / name
    raise UserError(
        f"{folder} has neither {' nor '.join(ARRAYS)}; expected one of them: write weights in several files as one, by "
        "save_pretrained(folder, max_shard_size='100GB')"
    )


def configuration(told: dict) -> dict:
    """config.json -> the mapping of a `Bert` without embed_dim. UserError where it is another architecture."""
    missing = [key for key in SIZES if key not in told]
    if missing:
        raise UserError(f"{CONFIG} does not say {', '.join(missing)}; expected that of a BertModel")
    wanted = {"model_type": "bert", "hidden_act": "gelu", "intermediate_size": 4 * told["hidden_size"]}
    usual = {"position_embedding_type": "absolute", "is_decoder": False}
    found = {key: told.get(key) for key in wanted} | {key: told.get(key, value) for key, value in usual.items()}
    for key, value in (wanted | usual).items():
        if found[key] != value:
            raise UserError(f"{CONFIG} says {key} {found[key]!r}, expected {value!r}; such a model is no BERT of ours")
    sizes = {ours: told[theirs] for theirs, ours in SIZES.items()}
    return {"type": "bert", **sizes, "context_length": told["max_position_embeddings"]}


# ------------------------------------------------------------------ the arrays
def text_tower(foreign: dict[str, np.ndarray], tower: Bert) -> tuple[dict[str, np.ndarray], list[str]]:
    """Arrays by foreign name -> ({our name within a text tower: array}, the foreign names that are no part of it).

    BERT's pooler is among them where the file has it. tower: as `configuration` says. UserError as `adapter.convert`.
    """
    inside, left = _encoder(foreign)
    pool = "pooler" if f"{POOLER}.weight" in inside else "first"
    spec = Encoder(**{**vars(tower), "pool": pool})
    return convert(_fused(inside), table(spec), spec), left


def table(spec: Bert) -> list[Row]:
    """Rows for a BERT of ours, but its projection; their q, k and v made one before."""
    embeddings = {"tokens": "word", "positions": "position", "types": "token_type"}
    rows = [Row(ours, f"embeddings.{theirs}_embeddings.weight") for ours, theirs in embeddings.items()]
    rows += layer("input_norm", "embeddings.LayerNorm")
    for i in range(spec.layers):
        rows += under(f"blocks.{i}", f"encoder.layer.{i}", BLOCK)
    return rows + (layer("pool", POOLER) if spec.pool == "pooler" else [])


BLOCK = [
    *layer("attention.qkv", FUSED),
    *layer("attention.output", "attention.output.dense"),
    *layer("attention_norm", "attention.output.LayerNorm"),
    *layer("feed_forward.expand", "intermediate.dense"),
    *layer("feed_forward.shrink", "output.dense"),
    *layer("feed_forward_norm", "output.LayerNorm"),
]


def _encoder(foreign: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[str]]:
    prefix = PREFIX if any(name.startswith(PREFIX) for name in foreign) else ""
    inside = {name.removeprefix(prefix): array for name, array in foreign.items() if name.startswith(prefix)}
    left = [name for name in foreign if not name.startswith(prefix) or name.removeprefix(prefix) == NUMBERS]
    return {_renamed(name): array for name, array in inside.items() if name != NUMBERS}, left


def _renamed(name: str) -> str:
    for old, new in OLD.items():
        name = name.removesuffix(old) + new if name.endswith(old) else name
    return name


def _fused(inside: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """With q, k and v of each attention as one array, where all three are there. UserError where they do not fit."""
    found = dict(inside)
    for name in inside:
        head, mark, kind = name.partition(".attention.self.query.")
        parts = [f"{head}.attention.self.{part}.{kind}" for part in ORDER]
        if not mark or not all(part in inside for part in parts):
            continue  # what is missing is told with all else that is
        shapes = [inside[part].shape for part in parts]
        if len({*shapes}) > 1:
            raise UserError(f"{', '.join(parts)} have the shapes {shapes}; expected equal ones: copy the file again")
        found[f"{head}.{FUSED}.{kind}"] = np.concatenate([found.pop(part) for part in parts])
    return found
