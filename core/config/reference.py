"""docs/configuration.md: every key of a configuration, from the dataclasses and their docstrings."""

import dataclasses
import json
import types
import typing
from collections.abc import Iterator

from tandemclip.core.config.docstrings import meanings, summary
from tandemclip.core.config.import_path import import_class
from tandemclip.core.config.keys import is_built, is_open, is_required, key_of
from tandemclip.core.config.kinds import is_tuple, options, words
from tandemclip.core.config.registry import known
from tandemclip.core.config.synonyms import SYNONYMS
from tandemclip.core.towers.presets import PRESETS

Described = tuple[str, type, str]  # where it stands in a configuration, the class, what `type` calls it ("": no type)
COLUMNS = ("key", "takes", "default", "meaning", "elsewhere")

HEAD = """# Configuration: every key

<!-- Written by `python tools/configuration.py`, from the classes and their docstrings. Change those, not this page. -->

A configuration is one YAML file with the sections `method`, `data`, `training` and, for a run that starts from other
weights, `init`. `configs/` has those that ship. `base: other.yaml` takes over all keys of another file that this one
does not name itself, and `--set training.steps=200 'method.crop.area=[0.5, 1.0]'` on a command line lays keys over
both.

- A section that names a `type` is of the class of that name. Where a section may stand for one of several classes,
  this page has a chapter for each. `type` may also be a preset, or `package.module:Class` of one's own.
- All mistakes of a configuration are told at once, each with its key. A name of another tool's is answered by ours.
- Numbers have bounds. What a checkpoint says is taken as it is: a run that was begun with a number that is refused
  today can be evaluated and converted, and a new run can start from it by `--init`.
- YAML reads `on`, `off`, `yes`, `no` as true and false, and `~` and nothing at all as null; in quotes they are text.
  Digits behind a 0 (`08`), dates and times are text here. `1e-3` is a number. A key stands once in a mapping.

"Elsewhere" is what open_clip, timm, Hugging Face (HF) and others call a key, and where it counts otherwise there.
"""


def page(root: type) -> str:
    """The whole page in Markdown. root: the class of a configuration."""
    return "\n".join([HEAD, *(_chapter(*each) for each in described([("", root, "")], set()))])


def described(alternatives: list[Described], seen: set[type]) -> Iterator[Described]:
    """Every class that a configuration may describe: what may stand in one place first, then what lies in these."""
    new = [each for each in alternatives if each[1] not in seen]
    seen |= {cls for _, cls, _ in new}
    yield from new
    for place, cls, _ in new:
        hints = typing.get_type_hints(cls)
        for field in dataclasses.fields(cls):
            for inner in _inner(hints[field.name]):
                yield from described(_alternatives(inner, f"{place}.{key_of(field)}".removeprefix(".")), seen)


def _alternatives(cls, place: str) -> list[Described]:
    if not is_open(cls):
        return [(place, cls, "")]
    return [(place, import_class(path, name), name) for name, (path, fields) in known(cls).items() if not fields]


def _inner(hint) -> Iterator[type]:
    for option in options(hint):
        for each in (option, *typing.get_args(option)):
            if isinstance(each, type) and is_built(each):
                yield each


def _chapter(place: str, cls: type, name: str) -> str:
    kind = f", type `{name}`" if name else f" ({cls.__name__})"
    lines = [f"## {f'`{place}`{kind}' if place else 'The sections'}", "", summary(cls), *_presets(name), ""]
    hints, said = typing.get_type_hints(cls, include_extras=True), meanings(cls)
    rows = [cells(place, field, hints[field.name], said) for field in dataclasses.fields(cls)]
    rows = [row for row in rows if row[1] != words(types.NoneType)]  # what this class has for others' sake
    if not rows:
        return "\n".join([*lines, "No keys.", ""])
    columns = [i for i in range(len(COLUMNS)) if any(row[i] for row in rows)]
    table = [COLUMNS, ("---",) * len(COLUMNS), *rows]
    return "\n".join([*lines, *(f"| {' | '.join(row[i] for i in columns)} |" for row in table), ""])


def _presets(name: str) -> list[str]:
    """A paragraph with the names that stand for this type with fields."""
    found = [f"`{preset}`" for preset, (kind, _) in PRESETS.items() if kind == name]
    return ["", f"Presets: {', '.join(found)}."] if found else []


def cells(place: str, field, hint, said: dict[str, str]) -> tuple[str, ...]:
    """What COLUMNS hold of one field. said: `meanings` of its class."""
    key = key_of(field)
    others = SYNONYMS.get(f"{place}.{key}".removeprefix("."), {})
    elsewhere = "; ".join(f"`{theirs}` ({whose})" for theirs, whose in others.items())
    return (f"`{key}`", _takes(hint), _default(field, hint), said.get(key, "").replace("|", "\\|"), elsewhere)


def _takes(hint) -> str:
    """As errors say it; a section in place of a class."""
    inner = list(_inner(hint))
    if not inner:
        return words(hint)
    several = any(is_tuple(option) for option in options(hint))
    kind = "a list of sections" if several else "a section"
    typed = " with a `type`" if is_open(inner[0]) else ""
    return kind + typed + (", or null" if types.NoneType in options(hint) else "")


def _default(field, hint) -> str:
    return "needed" if is_required(field) else f"`{shown(field.default, hint)}`"


def shown(value, hint=None) -> str:
    """As YAML; of an object what differs from its class's own defaults, with the `type` where the hint has several."""
    if dataclasses.is_dataclass(value):
        given = {key_of(each): getattr(value, each.name) for each in dataclasses.fields(value)}
        own = {key_of(each): each.default for each in dataclasses.fields(value)}
        kind = {name for _, cls, name in _alternatives(hint, "") if cls is type(value)} if is_open(hint) else set()
        parts = [f"type: {name}" for name in kind] + [f"{k}: {shown(x)}" for k, x in given.items() if x != own[k]]
        return f"{{{', '.join(parts)}}}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)
