"""What all tokenizers share: what they are given, and the layout of token ids."""

from collections.abc import Callable, Iterable

import numpy as np

from tandemclip.core.data.texts import kind
from tandemclip.core.errors import UserError

PAD = 0
START, END = "[start]", "[end]"  # what `pieces` calls them


def listed(texts: Iterable[str]) -> list[str]:
    """UserError for what is no list of texts: of one text alone Python would take every letter for one."""
    if isinstance(texts, (str, bytes, dict)) or not isinstance(texts, Iterable):
        raise UserError(f"tokenizer: got {kind(texts)}, {texts!r:.40}; expected a list of texts: write [text]")
    found = list(texts)
    for place, text in enumerate(found):
        if not isinstance(text, str):
            raise UserError(f"tokenizer: texts[{place}] is {kind(text)}, {text!r:.40}; expected a text")
    return found


def pack(encoded: list[list[int]], context_length: int, start: int, end: int) -> np.ndarray:
    """Texts of any length -> [len(encoded), context_length] int32: start, text, end, padding; the rest is cut off."""
    ids = np.full((len(encoded), context_length), PAD, np.int32)
    for row, words in zip(ids, encoded):
        words = [start, *words[: context_length - 2], end]
        row[: len(words)] = words
    return ids


def named(ids: Iterable[int], start: int, end: int, name: Callable[[int], str]) -> list[str]:
    """`Tokenizer.pieces`: name gives what the id of a word stands for."""
    special = {start: START, end: END, PAD: ""}
    return [special[i] if i in special else name(i) for i in map(int, ids)]
