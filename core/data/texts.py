"""The one rule by which sources read texts: UTF-8, with or without a byte order mark; blank captions are none."""

import json
import re
from collections.abc import Iterable
from typing import Any
from unicodedata import category

MARK = b"\xef\xbb\xbf"  # the byte order mark that Windows' editors write
ZERO = "is not UTF-8, or damaged, as it holds a zero byte"
# What programs write where a list, a mapping or nothing was meant. It is a text like another, and rarely one.
LIST = re.compile(r"\s*[\[{]\s*['\"].*[\]}]\s*", re.S)
# Letters, marks and symbols to Unicode that are not to be seen: fillers, a joiner, the empty Braille cell, selectors.
UNSEEN = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0").union(map(chr, range(0xFE00, 0xFE10)))
NOTHING = frozenset(("nan", "none", "null", "<na>", "na", "n/a", "#n/a", "undefined"))


def utf8(data: bytes) -> str:
    """The text without its mark. ValueError that names the place of the first byte that is not UTF-8, and of a zero
    byte: UTF-16 without a mark has one beside every Latin letter, and would pass.
    """
    try:
        text = data.removeprefix(MARK).decode("utf-8")
        if "\0" not in text:
            return text
        place, what = data.index(b"\0"), ZERO
    except UnicodeDecodeError as error:
        place, what = error.start + len(MARK) * data.startswith(MARK), "is not UTF-8"
    line = data.count(b"\n", 0, place) + 1
    raise ValueError(f"line {line} {what}: byte 0x{data[place]:02x} at place {place}; save it as UTF-8")


def from_json(data: bytes) -> Any:
    """What a JSON file in UTF-8 holds. ValueError for another encoding (Python would guess), for no JSON, and for a key
    that stands twice in one object (Python would take the last)."""
    try:
        return json.loads(utf8(data), object_pairs_hook=_without_repeats)
    except RecursionError as error:
        raise ValueError("it is nested too deeply to be read") from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def captions(given: Any, what: str = "caption") -> tuple[str, ...]:
    """A text or a list of texts -> those that are not blank. ValueError, in words, for anything else.

    what: they are called, in the singular.
    """
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list):
        raise ValueError(f"the {what} is {kind(given)}, expected a text or a list of texts")
    for text in given:
        if not isinstance(text, str):
            raise ValueError(f"the {what}s hold {kind(text)}, expected a list of texts")
        if "\0" in text:
            raise ValueError(f"the {what} {text!r:.40} is damaged, as it holds a zero byte")
    return tuple(unicode(text) for text in given if not blank(text))


def odd(caption: str) -> str | None:
    """What is to be remarked of a caption that is a text and looks like something else; None for most."""
    if LIST.fullmatch(caption):
        return "a caption that looks like a list or a mapping, and is taken as the text that it is"
    if caption.strip().lower() in NOTHING:
        return "a caption that is the word for no value (nan, none, null), and is taken as a text"
    return None


def not_blank(text: str) -> list[str]:
    """Its lines that are not blank, without blanks around them. str.splitlines would cut names at U+0085 or U+2028."""
    return [line.strip() for line in text.replace("\r", "\n").split("\n") if line.strip()]


def blank(text: str) -> bool:
    """Nothing to be seen: blanks, and what has no width, as a byte order mark or U+200B between them."""
    return all(sign.isspace() or sign in UNSEEN or category(sign) in ("Cc", "Cf") for sign in text)


def unicode(text: str) -> str:
    """Halves of surrogate pairs, which JSON can hold and no tokenizer or file can, become question marks."""
    return text.encode("utf-8", "replace").decode()


def kind(value: Any) -> str:
    """What a value is called in JSON's terms, for messages."""
    names = {dict: "a mapping", list: "a list", tuple: "a list", bool: "true or false", int: "a number"}
    names |= {float: "a number", str: "a text", bytes: "bytes", type(None): "null"}
    return names.get(type(value), f"a {type(value).__name__}")


def in_words(error: Exception) -> str:
    """What was wrong with the content of a file, for a message: a key that is missing is named as such."""
    return f"there is no {error}" if isinstance(error, KeyError) else str(error)


def equal(some: Iterable[str], others: Iterable[str]) -> bool:
    """Whether they are the same captions but for blanks around them."""
    return [text.strip() for text in some] == [text.strip() for text in others]
