"""What YAML makes of words and digits that were meant otherwise, and how to write what was meant."""

import re
import typing

from tandemclip.core.config.kinds import is_tuple, leaves, options
from tandemclip.core.config.synonyms import WORDS

LEADING_ZERO = re.compile(r"([-+]?)0+(\d+)$", re.A)
NUMBER = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?$", re.A)
THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?$", re.A)
DECIMAL_COMMA = re.compile(r"([-+]?\d+),(\d+([eE][-+]?\d+)?)$", re.A)


def advice(value, hint) -> str:
    """What stands behind an error about `value`, which a field of type `hint` does not take: "; in quotes it is text".

    "" where there is nothing to say.
    """
    kinds = leaves(hint)
    if isinstance(value, str):
        return _of_text(value, hint, kinds)
    if value is None:
        return "; YAML reads ~, null and nothing behind the colon as null" + _quoted(kinds, "~")
    if isinstance(value, bool):
        read = "on, yes and true" if value else "off, no and false"
        return f"; YAML reads {read} as {str(value).lower()}" + _quoted(kinds, "on" if value else "no")
    if isinstance(value, float) and value.is_integer() and int in kinds and float not in kinds:
        return f"; write {int(value)}"
    return _quoted(kinds, str(value)) if isinstance(value, (int, float)) else ""


def _quoted(kinds: set, text: str) -> str:
    return f'; in quotes it is text: "{text}"' if str in kinds else ""


def _of_text(value: str, hint, kinds: set) -> str:
    literals = {word for option in options(hint) for word in typing.get_args(option) if isinstance(word, str)}
    if meant := [ours for ours, called in WORDS.items() if ours in literals and value.lower() in called]:
        return f"; write {meant[0]}"
    if str in kinds:
        return f"; write [{value}]" if any(is_tuple(option) for option in options(hint)) else ""
    if not kinds & {int, float}:
        return ""
    zero = LEADING_ZERO.match(value)
    if zero:
        return f"; digits behind a 0 are text, as YAML would take some of them for octal: write {zero[1]}{zero[2]}"
    plain = value.strip()
    if THOUSANDS.match(plain):
        plain = plain.replace(",", "")
    elif float in kinds:
        plain = DECIMAL_COMMA.sub(r"\1.\2", plain)
    return f"; what has quotes or a comma is text: write {plain}" if NUMBER.match(plain) else ""
