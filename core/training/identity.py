"""What a run reads beside its configuration must be the same on every rank, and when the run goes on.

`state.json` of a checkpoint has it under "identity", by name, e.g. "text.wordnet" of a view, "data.train.table" of a
source, "data.tokenizer": {"sha256", "place"}, and "count" and "unit" of what is counted.
"""

from pathlib import Path

import numpy as np

from tandemclip.core.data.tokenizers.tokenizer import Tokenizer, identity_of
from tandemclip.core.errors import UserError
from tandemclip.core.identity import Identity
from tandemclip.core.methods.method import Method
from tandemclip.core.training.config import Data

KEY = "identity"  # in a checkpoint's state
DATA = ("data.train", "data.evaluate")  # of another content only where a person accepts it


def identities(method: Method, data: Data, tokenizer: Tokenizer | None) -> dict[str, Identity]:
    """By name, of all that the run reads. UserError where something is missing."""
    found = of_views(method)
    if tokenizer is not None:
        found["data.tokenizer"] = identity_of(tokenizer)
    for section, read in zip(DATA, (data.train, data.evaluate)):
        parts = {} if read is None else read.identity()
        found |= {f"{section}.{part}": identity for part, identity in parts.items()}
    return found


def of_views(method: Method) -> dict[str, Identity]:
    """{"VIEW.NAME": Identity} of what the method's views read. UserError where it is missing."""
    views = method.views().items()
    return {f"{view}.{name}": found for view, made in views for name, found in made.identity().items()}


def to_state(present: dict[str, Identity]) -> dict:
    return {KEY: {name: found.to_json() for name, found in present.items()}}


class Compared:
    """What a run reads now, `present`, against what the state of a checkpoint says.

    told: a sentence each, for what only one of the two knows. accepted: what differs, and may. Equal files may have
    moved. UserError where anything else differs.
    """

    def __init__(self, state: dict, present: dict[str, Identity], folder: Path, accept_data_change: bool = False):
        saved = {name: Identity(**found) for name, found in state.get(KEY, {}).items()}
        both = sorted(saved.keys() & present.keys())
        differing = [name for name in both if saved[name].sha256 != present[name].sha256]
        for name in differing:
            if not _is_data(name):
                raise UserError(
                    f"{name} is another one here ({present[name]}) than in {folder} ({saved[name]}), which --resume "
                    "goes on from; install or name the same release, or start a new run with --out and --init"
                )
        self.accepted = [f"{name}: {saved[name].against(present[name])}" for name in differing]
        if self.accepted and not accept_data_change:
            raise UserError(
                f"the data are others than those that {folder} was made with: {'; '.join(self.accepted)}; bring them "
                "back, go on with these by --accept-data-change, or start a new run with --out and --init"
            )
        self.told = [*_new(saved, present, folder), *_gone(saved, present, folder)]


def _new(saved: dict[str, Identity], present: dict[str, Identity], folder: Path) -> list[str]:
    names = sorted(present.keys() - saved.keys())
    if not names:
        return []
    found = [f"{name} ({present[name]})" if present[name].count is None else _short(name) for name in names]
    return [
        f"{folder} does not say which {', '.join(dict.fromkeys(found))} it was made with; from here on what is there "
        "now counts"
    ]


def _gone(saved: dict[str, Identity], present: dict[str, Identity], folder: Path) -> list[str]:
    names = sorted(saved.keys() - present.keys())
    return [f"{folder} was made with {name} ({saved[name]}), which nothing reads any more" for name in names]


def _is_data(name: str) -> bool:
    return _short(name) in DATA


def _short(name: str) -> str:
    """The section of a name: data.train of data.train.table"""
    return ".".join(name.split(".")[:2])


def refuse_unequal_ranks(engine, present: dict[str, Identity]) -> None:
    """UserError on every rank where the content differs between two of them. All ranks must call this together."""
    if engine.ranks.size == 1:
        return
    names = sorted(present)
    own = np.stack([np.frombuffer(bytes.fromhex(present[name].sha256), np.int32) for name in names])
    everybody = engine.to_host(engine.ranks.gather(engine.ops.constant(own))).reshape(-1, *own.shape)  # [ranks, n, 8]
    unequal = (everybody != everybody[0]).any(2)
    for name, ranks in zip(names, unequal.T):
        if ranks.any():
            others = ", ".join(str(rank) for rank in np.flatnonzero(ranks))
            raise UserError(
                f"{name} of rank {others} is another one than that of rank 0; rank {engine.ranks.rank} has "
                f"{present[name]}: give every machine the same"
            )
