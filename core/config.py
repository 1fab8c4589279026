"""A configuration: YAML that is checked, strictly, against the dataclasses it describes.

Every key is a field of a dataclass. Where a field may hold one of several classes (a method, a tower, a source, a
tokenizer) the mapping names it by `type`: a name of `core/registry.py`, a preset, or an import path "package.module:Class",
so that a method of one's own needs no registration. Values are checked by pydantic in its strict mode.
"""

import dataclasses
import difflib
import json
import types
import typing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pydantic
import yaml

from tandemclip.core import yaml_text
from tandemclip.core.data.sources import Source
from tandemclip.core.data.tokenizer import TokenizerConfig
from tandemclip.core.data.views import ImageView
from tandemclip.core.errors import UserError
from tandemclip.core.import_path import import_class
from tandemclip.core.methods.method import Method
from tandemclip.core.registry import TYPES
from tandemclip.core.training.settings import Training
from tandemclip.core.yaml_text import merge


@dataclass(frozen=True)
class Data:
    """train, evaluate: where records come from. tokenizer: for methods that read texts. workers: processes that decode and crop (0: a thread of this one).

    bad_records: the list of those of `train` that are left out, as `tools/prepare.py check` writes it.
    """

    train: Source
    tokenizer: TokenizerConfig | None = None
    evaluate: Source | None = None
    workers: int = 1
    bad_records: str | None = None


@dataclass(frozen=True)
class Config:
    method: Method
    data: Data
    training: Training

    def __post_init__(self):
        text, tokenizer = self.method.text, self.data.tokenizer
        if text is None and tokenizer is None:
            return
        if tokenizer is None:
            raise UserError("data.tokenizer is missing; the method reads texts: add it, e.g. data.tokenizer={type: clip_bpe}")
        if text is None:
            raise UserError(f"data.tokenizer is given and {type(self.method).__name__} reads no text; leave it out")
        wanted, given = text.vocab_size, tokenizer.vocab_size
        if wanted != given:
            raise UserError(
                f"method.text.vocab_size is {wanted} and the tokenizer has {given} ids; set method.text.vocab_size={given}"
            )

    @property
    def views_a_step(self) -> int:
        """Crops that go through the image tower: CLIP's batch once, PyramidCLIP's twice."""
        return self.training.batch_size * sum(isinstance(view, ImageView) for view in self.method.views().values())


def read(path: Path, overrides: dict | None = None) -> tuple[Config, dict]:
    """A YAML file with `overrides` laid over it -> the configuration and the mapping it was built from."""
    mapping = merge(_mapping(Path(path)), overrides or {})
    return build(Config, mapping), mapping


def _mapping(path: Path) -> dict:
    """The file's own keys laid over those of the file that it names as `base`, relative to itself."""
    try:
        mapping = yaml_text.parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"the config {path} cannot be read: {error.strerror}; see configs/ for those that ship") from error
    except yaml.YAMLError as error:
        raise UserError(f"the config {path} is not YAML: {error}") from error
    if not isinstance(mapping, dict):
        raise UserError(f"the config {path} holds {type(mapping).__name__}, expected keys method, data and training")
    base = mapping.pop("base", None)
    return mapping if base is None else merge(_mapping(path.parent / base), mapping)


def build(cls, mapping, where: str = ""):
    """An object of dataclass `cls`, or of the class that `type` names, from a mapping. Raises UserError naming the key."""
    if _is_open(cls):
        cls, mapping = _chosen(cls, mapping, where)
    if not isinstance(mapping, dict):
        raise UserError(f"{where or 'the config'} is {mapping!r}, expected a mapping with keys {', '.join(_names(cls))}")
    unknown = [key for key in mapping if key not in _names(cls)]
    if unknown:
        raise UserError(_unknown(unknown[0], _names(cls), where))
    hints, values = typing.get_type_hints(cls), {}
    for field in dataclasses.fields(cls):
        here = f"{where}.{field.name}" if where else field.name
        if field.name in mapping:
            hint, value = hints[field.name], mapping[field.name]
            if _is_open(hint) and field.default is not dataclasses.MISSING and isinstance(value, dict) and "type" not in value:
                hint = type(field.default)  # keys of what stands there anyway
            values[field.name] = _value(hint, value, here)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise UserError(f"{here} is missing; {cls.__name__} needs it: add it to the config or --set {here}=...")
    try:
        return cls(**values)
    except ValueError as error:
        raise UserError(f"{where or 'the config'}: {error}") from error


def _value(hint, value, where):
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if value is None and type(None) in options:
        return None
    if typing.get_origin(hint) is tuple and _is_open(typing.get_args(hint)[0]):
        return _several(typing.get_args(hint)[0], value, where)
    nested = [option for option in options if _is_open(option) or dataclasses.is_dataclass(option)]
    if nested:
        return build(nested[0], value, where)
    try:
        # JSON, because a strict tuple or float takes the list or integer that YAML has for it only there
        return _adapter(hint).validate_json(json.dumps(value), strict=True)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"{where} is {value!r}: {first['msg'][0].lower()}{first['msg'][1:]}; correct it") from error


def _several(cls, value, where):
    if not isinstance(value, list) or not value:
        raise UserError(f"{where} is {value!r}, expected a list of mappings with a `type`")
    return tuple(build(cls, item, f"{where}[{i}]") for i, item in enumerate(value))


@cache
def _adapter(hint):
    return pydantic.TypeAdapter(hint)


def _is_open(cls) -> bool:
    """A base class whose subclasses a config names by `type`: no dataclass itself."""
    return isinstance(cls, type) and not dataclasses.is_dataclass(cls) and cls.__module__.startswith("tandemclip.")


def _chosen(base, mapping, where):
    mapping = {"type": mapping} if isinstance(mapping, str) else mapping
    if not isinstance(mapping, dict) or not isinstance(mapping.get("type"), str):
        raise UserError(f"{where} is {mapping!r}, expected a mapping with a `type`: one of {', '.join(_types(base))}")
    name, rest = mapping["type"], {key: value for key, value in mapping.items() if key != "type"}
    if ":" in name:
        return import_class(name, f"{where}.type"), rest
    if name not in _types(base):
        raise UserError(_unknown(name, _types(base), f"{where}.type", "value"))
    cls, fields = TYPES[name]
    return cls, merge(fields, rest)


def _types(base) -> list[str]:
    return [name for name, (cls, _) in TYPES.items() if issubclass(cls, base)]


def _names(cls) -> list[str]:
    return [field.name for field in dataclasses.fields(cls)]


def _unknown(key, names, where, what="key"):
    near = difflib.get_close_matches(str(key), names, 1, 0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(names)}"
    return f"unknown {what} {key!r}{f' in {where}' if where else ''}: {hint}"
