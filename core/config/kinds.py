"""What a field takes, in words, for errors and for docs/configuration.md: "a whole number, 1 or more"."""

import types
import typing
from dataclasses import astuple

from annotated_types import Ge, Gt, Le, Lt, MinLen, Predicate

WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", types.NoneType: "null"}


def options(hint) -> tuple:
    """The kinds that a field may hold: of `X | None` X and None, of any other hint itself."""
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


def parts(hint) -> tuple[object, list]:
    """A hint without its bounds, and these."""
    return (hint.__origin__, list(hint.__metadata__)) if typing.get_origin(hint) is typing.Annotated else (hint, [])


def is_tuple(hint) -> bool:
    return typing.get_origin(parts(hint)[0]) is tuple


def leaves(hint) -> set:
    """The plain types that a hint is made of: {int, None's} of `tuple[Count, ...] | None`; of a Literal its values'."""
    inner, _ = parts(hint)
    if typing.get_origin(inner) is typing.Literal:
        return {type(value) for value in typing.get_args(inner)}
    within = [each for each in typing.get_args(inner) if each is not ...]
    return set().union(*map(leaves, within)) if within else {inner}


def words(hint) -> str:
    """What a field of this type takes."""
    return ", or ".join(_one(option) for option in options(hint))


def bounds(hint) -> str:
    """The bounds alone, "" where there are none: "1 or more", "each above 0 and at most 1, the lower one first"."""
    return ", ".join(each for option in options(hint) for each in _bounds(option))


def _one(hint) -> str:
    inner, _ = parts(hint)
    limits = "".join(f", {each}" for each in _bounds(hint))
    if typing.get_origin(inner) is typing.Literal:
        return f"one of {', '.join(str(value) for value in typing.get_args(inner))}"
    if is_tuple(inner):
        return _several(inner) + limits
    return WORDS.get(inner, f"a mapping ({getattr(inner, '__name__', inner)})") + limits


def _several(hint) -> str:
    """Of a tuple: "a list of whole numbers"."""
    first, *rest = typing.get_args(hint)
    kind = parts(first)[0]
    if typing.get_origin(kind) is typing.Literal:
        many = ", ".join(typing.get_args(kind))
    else:
        many = {int: "whole numbers", float: "numbers", str: "texts"}.get(kind, "mappings")
    return f"a list of {many}" if rest == [...] else f"a list of {1 + len(rest)} {many}"


def _bounds(hint) -> list[str]:
    inner, limits = parts(hint)
    own = [each for each in [_interval(limits)] if each]
    own += [f"{each.min_length} or more of them" for each in limits if isinstance(each, MinLen)]
    own += [each.func.__doc__ for each in limits if isinstance(each, Predicate)]
    if is_tuple(inner):
        own = [f"each {each}" for each in _bounds(typing.get_args(inner)[0])] + own
    return own


def _interval(limits: list) -> str:
    """ "0 to 1", "above 0 and at most 1", "1 or more": of the numbers among a type's bounds."""
    found = {type(each): _number(*astuple(each)) for each in limits if isinstance(each, (Ge, Gt, Le, Lt))}
    if Ge in found and Le in found:
        return f"{found[Ge]} to {found[Le]}"
    said = {Ge: "{} or more", Gt: "above {}", Le: "at most {}", Lt: "below {}"}
    return " and ".join(sentence.format(found[kind]) for kind, sentence in said.items() if kind in found)


def _number(value) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"
