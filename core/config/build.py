"""A configuration: YAML that is checked, strictly, against the dataclasses it describes.

Every key is a field of a dataclass. Where a field may hold one of several classes (a method, a tower, a source, a
tokenizer) the mapping names it by `type`: a name of `core/config/registry.py`, a preset, or an import path
"package.module:Class", so that a method of one's own needs no registration. Values, and the bounds that their types
carry (core/bounds.py), are checked by pydantic in its strict mode. All that is wrong is told at once.

To import a class runs the code of its module. A configuration that a person gives is trusted; one that came with a
checkpoint is not, unless the person says so, and then may name classes of the registry only.
"""

import dataclasses
import json
import types
import typing
from dataclasses import dataclass
from functools import cache

import pydantic

from tandemclip.core.config.import_path import import_class
from tandemclip.core.config.keys import is_built, is_open, is_required, key_of, names
from tandemclip.core.config.kinds import options, words
from tandemclip.core.config.misread import advice
from tandemclip.core.config.moved import current
from tandemclip.core.config.registry import holder, known
from tandemclip.core.config.suggest import meanings, unknown_key, unknown_type
from tandemclip.core.config.yaml_text import merge
from tandemclip.core.errors import Collected, UserError


def build(cls, mapping, where: str = "", trust: bool = True, stored: bool = False):
    """An object of dataclass `cls`, or of the class that `type` names, from a mapping.

    What is an object of its class already is taken as it is. trust: import whatever classes the mapping names. stored:
    the mapping is a checkpoint's, whose numbers are taken as they are: a run may have trained by one that is out of
    bounds now. Raises UserError naming the key, and UserErrors where there are several mistakes.
    """
    return _Builder(trust, stored).made(cls, mapping, where)


@dataclass(frozen=True)
class _Builder:
    trust: bool
    stored: bool

    def made(self, cls, mapping, where):
        base = cls
        if is_open(cls) and isinstance(mapping, cls):
            return mapping
        if is_open(cls):
            cls, mapping = self._chosen(cls, mapping, where)
        if not isinstance(mapping, dict):
            keys = ", ".join(names(cls))
            raise UserError(f"{where or 'the config'} is {mapping!r}, expected a mapping with keys {keys}")
        values = self._values(cls, mapping, where)
        try:
            object_ = cls(**values)
        except ValueError as error:
            raise UserError(f"{where or 'the config'}: {error}") from error
        place = holder(base)
        return object_ if place is None or isinstance(object_, base) else import_class(place, where)(object_)

    def _values(self, cls, mapping, where):
        """{field: its value} of the keys that are there; all that is wrong with them in one error."""
        hints, values, mistakes = typing.get_type_hints(cls, include_extras=not self.stored), {}, Collected()
        meant = set()
        for key in mapping:
            if key not in names(cls):
                with mistakes.noted():
                    meant |= set(meanings(key, cls))
                    raise UserError(unknown_key(key, cls, where))
        for field in dataclasses.fields(cls):
            key = key_of(field)
            here = f"{where}.{key}" if where else key
            with mistakes.noted():
                if key in mapping:
                    hint = _closest(hints[field.name], field, mapping[key])
                    values[field.name] = self._value(hint, mapping[key], here)
                elif is_required(field) and key not in meant:
                    raise UserError(f"{here} is missing; {cls.__name__} needs it: {_how_to_add(here)}")
        mistakes.tell()
        return values

    def _value(self, hint, value, where):
        if value is None and types.NoneType in options(hint):
            return None
        if typing.get_origin(hint) is tuple and is_built(typing.get_args(hint)[0]):
            return self._several(typing.get_args(hint)[0], value, where)
        nested = [option for option in options(hint) if is_built(option)]
        if nested:
            return self.made(nested[0], value, where)
        try:
            # JSON, because a strict tuple or float takes the list or integer that YAML has for it only there
            return _adapter(hint).validate_json(json.dumps(value), strict=True)
        except (TypeError, ValueError) as error:  # TypeError: of what JSON does not have, such as a set
            raise UserError(f"{where} is {value!r:.120}, expected {words(hint)}{advice(value, hint)}") from error

    def _several(self, cls, value, where):
        if not isinstance(value, list) or (is_open(cls) and not value):
            keys = "a `type`" if is_open(cls) else f"keys {', '.join(names(cls))}"
            raise UserError(f"{where} is {value!r}, expected a list of mappings with {keys}")
        made, mistakes = [], Collected()
        for i, item in enumerate(value):
            with mistakes.noted():
                made.append(self.made(cls, item, f"{where}[{i}]"))
        mistakes.tell()
        return tuple(made)

    def _chosen(self, base, mapping, where):
        """The class that `type` names, and the other keys laid over the fields that a preset starts from."""
        mapping = {"type": mapping} if isinstance(mapping, str) else mapping
        if not isinstance(mapping, dict) or not isinstance(mapping.get("type"), str):
            one = ", ".join(known(base))
            raise UserError(f"{where} is {mapping!r}, expected a mapping with a `type`: one of {one}")
        name, rest = mapping["type"], {key: value for key, value in mapping.items() if key != "type"}
        if ":" in name:
            if not self.trust and current(name) not in (place for place, _ in known(base).values()):
                raise UserError(
                    f"{where}.type of the checkpoint names {name}, which is no class of TandemCLIP's own: to import it "
                    "runs its code; if you trust where the checkpoint comes from, say --trust, or trust=True in Python"
                )
            return import_class(name, f"{where}.type"), rest
        if name not in known(base):
            raise UserError(unknown_type(name, known(base), f"{where}.type"))
        place, fields = known(base)[name]
        return import_class(place, f"{where}.type"), merge(fields, rest)


def _how_to_add(where: str) -> str:
    if where.startswith("--"):  # of a command line's own option: "--source.source.path"
        option, _, key = where.partition(".")
        return f"add {key}=... behind {option}"
    settable = not set("[/") & set(where)  # neither in a list nor of another file than a run's
    return f"add it to the config or --set {where}=..." if settable else "add it to the config"


@cache
def _adapter(hint):
    return pydantic.TypeAdapter(hint, config=pydantic.ConfigDict(allow_inf_nan=False))


def _closest(hint, field, value):
    """The hint, or the class that stands there anyway, where a mapping without a `type` changes keys of that."""
    anyway = is_open(hint) and field.default is not dataclasses.MISSING
    return type(field.default) if anyway and isinstance(value, dict) and "type" not in value else hint
