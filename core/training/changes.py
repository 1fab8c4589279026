"""What may change when a run goes on with `--resume`, and what is said of it."""

from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path

from tandemclip.core.config.build import build
from tandemclip.core.config.import_path import import_class
from tandemclip.core.config.registry import known
from tandemclip.core.config.yaml_text import merge
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.training.config import Config
from tandemclip.core.training.settings import Training

# What no weight depends on, beyond rounding: the config's value is taken. (BatchNorms see pieces: `start` says so.)
# `stop_after` says only how far a run goes.
_FREE = {
    "training": "accumulate evaluate_every checkpoint_every checkpoint_minutes keep stop_after",
    "data": "workers bad_records",
}
FREE = {(section, key) for section, keys in _FREE.items() for key in keys.split()}
# Patterns of keys that name a place: results depend on what lies there, and `identity` compares that. Those of a source
# are its `places`.
PLACES = ("method.*edit.wordnet", "data.tokenizer.file")
# Keys of `training` that results depend on, in groups that stand or change together. Only --set changes them: --minutes
# or an earlier --set may have given the run another value than the config's file has.
BY_SET = (("steps", "epochs"), ("learning_rate",), ("precision",))
DEFAULTS = {field.name: field.default for field in fields(Training)}


@dataclass(frozen=True)
class Resumption:
    """The mapping that a run goes on with. changed: "training.KEY OLD -> NEW" of each key that --set has changed.

    passed_over: a sentence for each key of the config's file that says another value than the run has.
    """

    mapping: dict
    changed: list[str]
    passed_over: list[str]


def resumption(saved: dict, given: dict, overrides: dict, folder: Path) -> Resumption:
    """saved: the mapping of the checkpoint `folder`. given: that of the config's file with `overrides` (--set) over it.

    What only `saved` says holds: a --set of the first start need not be repeated. UserError for a change of any key
    that is neither in FREE nor in BY_SET, nor is one of PLACES.
    """
    mapping = merge(saved, given)
    training, changed, passed_over = dict(mapping["training"]), [], []
    before, asked, by_set = saved["training"], given["training"], overrides.get("training", {})
    for group in BY_SET:
        source = asked if any(key in by_set for key in group) else before
        for key in group:
            training.pop(key, None)
            training |= {key: source[key]} if key in source else {}
            old, new, wanted = (each.get(key, DEFAULTS[key]) for each in (before, training, asked))
            if new != old:
                changed.append(f"training.{key} {old} -> {new}")
            elif wanted != old and key in asked:
                passed_over.append(
                    f"training.{key} is {wanted} in the config and {old} in {folder}, which the run goes on with; "
                    f"--set training.{key}={wanted} would change it"
                )
    mapping = {**mapping, "training": training}
    _refuse_others(mapping, saved, folder)
    return Resumption(mapping, changed, passed_over)


def _refuse_others(mapping, saved, folder) -> None:
    allowed = FREE | {("training", key) for group in BY_SET for key in group}
    here, there = dict(entries(mapping)), dict(entries(saved))
    for path in {**there, **here}:
        name = ".".join(path)
        placed = any(fnmatchcase(name, pattern) for pattern in PLACES) or _is_place(path, here, there)
        same = here.get(path) == there.get(path) or (path not in there and _is_default(path, here[path], saved))
        if path[:2] not in allowed and not placed and not same:
            raise UserError(
                f"{name} is {_said(here, path)} here and {_said(there, path)} in {folder}, which --resume "
                "goes on from; give the same config, or start a new run with --out and --init"
            )


def _said(values: dict, path: tuple[str, ...]) -> str:
    return repr(values[path]) if path in values else "not given"


def _is_default(path: tuple[str, ...], value, saved: dict) -> bool:
    """Whether a key that the checkpoint's configuration leaves out means what it means by itself."""
    for key in reversed(path):
        value = {key: value}
    try:
        return build(Config, merge(saved, value), stored=True) == build(Config, saved, stored=True)
    except UserError:
        return False  # it goes with another key, which differs


def _is_place(path, here, there) -> bool:
    """Of a source that is of one type in both, and one of ours: what lies there is compared by its content."""
    kind, table = here.get((*path[:-1], "type")), known(Source)
    if kind not in table or kind != there.get((*path[:-1], "type")):
        return False
    source = import_class(table[kind][0], "type")
    return path[-1] in source.places and None not in (here.get(path), there.get(path))


def entries(mapping, path=()):
    """(keys from the root, value) of everything in mappings, and in lists of mappings, whose keys are "0", "1", ...

    A mapping that lies in it comes after what is in it, as {}: `edit: {}` and `edit: null` are not the same.
    """
    for key, value in mapping.items():
        if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            value = {str(number): each for number, each in enumerate(value)}
        if isinstance(value, dict):
            yield from entries(value, (*path, key))
        yield (*path, key), {} if isinstance(value, dict) else value
