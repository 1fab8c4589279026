"""By what a kept result is found again: a hash of all that decides it, whatever it is called and wherever it lies."""

import hashlib
import json
from dataclasses import fields, is_dataclass
from typing import Any

import tandemclip
from tandemclip.core.data.sources.source import Source
from tandemclip.core.identity import Identity
from tandemclip.core.training.checkpoint import Checkpoint
from tandemclip.core.training.evaluation import Evaluation


def of_weights(saved: Checkpoint, engine: str) -> str:
    """Of what a model computes: its weights as they are evaluated, its method, tokenizer and classes, and the engine,
    as two engines agree up to rounding only. The version of this package too, which may measure in another way.
    """
    state = saved.state
    means = [state["config"]["method"], state["tokenizer"], state.get("class_names"), engine, tandemclip.__version__]
    digest = hashlib.sha256(_json(means))
    for name, array in sorted(saved.averaged.items()):
        digest.update(_json([name, str(array.dtype), array.shape]))
        digest.update(array.tobytes())
    return digest.hexdigest()


def of_data(asked: Source | Evaluation) -> str:
    """Of a source's records and their order; of a protocol, with all that it asks and learns from."""
    return of_parts(described(asked), _identities(asked.identity()))


def of_parts(*parts: Any) -> str:
    """Of values that survive JSON."""
    return hashlib.sha256(_json(parts)).hexdigest()


def described(value: Any) -> Any:
    """A configured object as a mapping of its fields, without those that only say where data lie."""
    if is_dataclass(value):
        left_out = value.places if isinstance(value, Source) else ()
        kept = {field.name: getattr(value, field.name) for field in fields(value) if field.name not in left_out}
        return {"type": f"{type(value).__module__}:{type(value).__qualname__}", **described(kept)}
    if isinstance(value, dict):
        return {str(key): described(each) for key, each in value.items()}
    return [described(each) for each in value] if isinstance(value, (tuple, list)) else value


def _identities(found: dict[str, Identity]) -> dict[str, str]:
    return {part: identity.sha256 for part, identity in found.items()}


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
