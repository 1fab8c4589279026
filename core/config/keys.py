"""The keys of a class that a configuration describes."""

import dataclasses
import typing
from collections.abc import Iterator

from tandemclip.core.config.kinds import options


def is_open(cls) -> bool:
    """A base class whose subclasses a config names by `type`: no dataclass itself."""
    return isinstance(cls, type) and not dataclasses.is_dataclass(cls) and cls.__module__.startswith("tandemclip.")


def is_built(cls) -> bool:
    """What a mapping describes, rather than a value."""
    return is_open(cls) or dataclasses.is_dataclass(cls)


def names(cls) -> list[str]:
    return [key_of(field) for field in dataclasses.fields(cls)]


def key_of(field) -> str:
    """`from_` is the field of the key "from", which is a word of Python."""
    return field.name.removesuffix("_")


def is_required(field) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def sections(cls) -> Iterator[tuple[str, type]]:
    """(key, class) of what lies in `cls` as a mapping of known keys: an open one only where a class stands there
    anyway.
    """
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        for option in options(hints[field.name]):
            if is_open(option) and dataclasses.is_dataclass(field.default):
                yield key_of(field), type(field.default)
            elif isinstance(option, type) and dataclasses.is_dataclass(option):
                yield key_of(field), option


def within(cls, key: str) -> str | None:
    """Where a key lies in the sections of `cls`, the shallowest first: "update.decay"; None where it is in none."""
    level = [("", cls)]
    while level:
        level = [(f"{path}{name}.", inner) for path, outer in level for name, inner in sections(outer)]
        for path, inner in level:
            if key in names(inner):
                return path + key
    return None
