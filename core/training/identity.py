"""What a run reads beside its configuration must be the same on every rank, and when the run goes on.

`state.json` of a checkpoint has it under "identity": {"VIEW.NAME": {"sha256": ..., "place": ...}}, e.g. "text.wordnet".
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from tandemclip.core.errors import UserError
from tandemclip.core.identity import Identity
from tandemclip.core.methods.method import Method

KEY = "identity"  # in a checkpoint's state


def identities(method: Method) -> dict[str, Identity]:
    """{"VIEW.NAME": Identity} of what the method's views read. UserError where it is missing."""
    views = method.views().items()
    return {f"{view}.{name}": found for view, made in views for name, found in made.identity().items()}


def to_state(present: dict[str, Identity]) -> dict:
    return {KEY: {name: asdict(found) for name, found in present.items()}}


def refuse_another(state: dict, present: dict[str, Identity], folder: Path) -> list[str]:
    """UserError where one of `present` has another content than `state`, that of the checkpoint `folder`, says.

    Returns what is to be said: a sentence for each that only one of the two knows. Equal files may have moved.
    """
    saved = {name: Identity(**found) for name, found in state.get(KEY, {}).items()}
    for name in sorted(saved.keys() & present.keys()):
        if saved[name].sha256 != present[name].sha256:
            raise UserError(
                f"{name} is another one here ({present[name]}) than in {folder} ({saved[name]}), which --resume goes "
                "on from; install or name the same release, or start a new run with --out and --init"
            )
    new, gone = sorted(present.keys() - saved.keys()), sorted(saved.keys() - present.keys())
    return [
        *(f"{folder} does not say which {name} it was made with; from here on it is {present[name]}" for name in new),
        *(f"{folder} was made with {name} ({saved[name]}), which nothing reads any more" for name in gone),
    ]


def refuse_unequal_ranks(engine, present: dict[str, Identity]) -> None:
    """UserError on every rank where the content differs between two of them. All ranks must call this together."""
    if not present:
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
                f"{present[name]}: install the same release on every machine"
            )
