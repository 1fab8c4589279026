"""A configuration: YAML that is checked, strictly, against the dataclasses it describes.

Every key is a field of a dataclass. Where a field may hold one of several classes (a method, a tower, a source, a
tokenizer) the mapping names it by `type`: a name of `core/config/registry.py`, a preset, or an import path
"package.module:Class", so that a method of one's own needs no registration. Values are checked by pydantic in its
strict mode.

To import a class runs the code of its module. A configuration that a person gives is trusted; one that came with a
checkpoint is not, unless the person says so, and then may name classes of the registry only.
"""

import dataclasses
import difflib
import json
import types
import typing
from functools import cache

import pydantic

from tandemclip.core.config.import_path import import_class
from tandemclip.core.config.moved import current
from tandemclip.core.config.registry import holder, known
from tandemclip.core.config.yaml_text import merge
from tandemclip.core.errors import UserError


def build(cls, mapping, where: str = "", trust: bool = True):
    """An object of dataclass `cls`, or of the class that `type` names, from a mapping.

    trust: import whatever classes the mapping names. Raises UserError naming the key.
    """
    base = cls
    if _is_open(cls):
        cls, mapping = _chosen(cls, mapping, where, trust)
    if not isinstance(mapping, dict):
        raise UserError(
            f"{where or 'the config'} is {mapping!r}, expected a mapping with keys {', '.join(_names(cls))}"
        )
    unknown = [key for key in mapping if key not in _names(cls)]
    if unknown:
        raise UserError(_unknown(unknown[0], _names(cls), where))
    hints, values = typing.get_type_hints(cls), {}
    for field in dataclasses.fields(cls):
        key = _key(field)
        here = f"{where}.{key}" if where else key
        if key in mapping:
            hint, value = hints[field.name], mapping[key]
            if (
                _is_open(hint)
                and field.default is not dataclasses.MISSING
                and isinstance(value, dict)
                and "type" not in value
            ):
                hint = type(field.default)  # keys of what stands there anyway
            values[field.name] = _value(hint, value, here, trust)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise UserError(f"{here} is missing; {cls.__name__} needs it: add it to the config or --set {here}=...")
    try:
        made = cls(**values)
    except ValueError as error:
        raise UserError(f"{where or 'the config'}: {error}") from error
    place = holder(base)
    return made if place is None or isinstance(made, base) else import_class(place, where)(made)


def _value(hint, value, where, trust):
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if value is None and type(None) in options:
        return None
    if typing.get_origin(hint) is tuple and _is_built(typing.get_args(hint)[0]):
        return _several(typing.get_args(hint)[0], value, where, trust)
    nested = [option for option in options if _is_built(option)]
    if nested:
        return build(nested[0], value, where, trust)
    try:
        # JSON, because a strict tuple or float takes the list or integer that YAML has for it only there
        return _adapter(hint).validate_json(json.dumps(value), strict=True)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"{where} is {value!r}: {first['msg'][0].lower()}{first['msg'][1:]}; correct it") from error


def _several(cls, value, where, trust):
    if not isinstance(value, list) or (_is_open(cls) and not value):
        keys = "a `type`" if _is_open(cls) else f"keys {', '.join(_names(cls))}"
        raise UserError(f"{where} is {value!r}, expected a list of mappings with {keys}")
    return tuple(build(cls, item, f"{where}[{i}]", trust) for i, item in enumerate(value))


@cache
def _adapter(hint):
    return pydantic.TypeAdapter(hint)


def _is_open(cls) -> bool:
    """A base class whose subclasses a config names by `type`: no dataclass itself."""
    return isinstance(cls, type) and not dataclasses.is_dataclass(cls) and cls.__module__.startswith("tandemclip.")


def _is_built(cls) -> bool:
    return _is_open(cls) or dataclasses.is_dataclass(cls)


def _chosen(base, mapping, where, trust):
    mapping = {"type": mapping} if isinstance(mapping, str) else mapping
    if not isinstance(mapping, dict) or not isinstance(mapping.get("type"), str):
        raise UserError(f"{where} is {mapping!r}, expected a mapping with a `type`: one of {', '.join(known(base))}")
    name, rest = mapping["type"], {key: value for key, value in mapping.items() if key != "type"}
    if ":" in name:
        if not trust and current(name) not in (place for place, _ in known(base).values()):
            raise UserError(
                f"{where}.type of the checkpoint names {name}, which is no class of TandemCLIP's own: to import it "
                "runs its code; if you trust where the checkpoint comes from, say --trust, or trust=True in Python"
            )
        return import_class(name, f"{where}.type"), rest
    if name not in known(base):
        raise UserError(_unknown(name, known(base), f"{where}.type", "value"))
    place, fields = known(base)[name]
    return import_class(place, f"{where}.type"), merge(fields, rest)


def _names(cls) -> list[str]:
    return [_key(field) for field in dataclasses.fields(cls)]


def _key(field) -> str:
    """`from_` is the field of the key "from", which is a word of Python."""
    return field.name.removesuffix("_")


def _unknown(key, names, where, what="key"):
    near = difflib.get_close_matches(str(key), names, 1, 0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(names)}"
    return f"unknown {what} {key!r}{f' in {where}' if where else ''}: {hint}"
