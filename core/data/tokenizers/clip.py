"""CLIP's byte-pair encoding (Radford et al. 2021, section 2.4; vocabulary: see NOTICE-CLIP.txt)."""

import gzip
import html
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import ftfy
import numpy as np
import regex

from tandemclip.core.data.tokenizers.token_ids import PAD, listed, named, pack

VOCABULARY = Path(__file__).with_name("bpe_simple_vocab_16e6.txt.gz")
MERGES = 49_408 - 2 * 256 - 2  # the file lists more; CLIP uses the first ones
WORD_END = "</w>"
CACHED_WORDS = 1 << 18

# English contractions, runs of letters, single digits, runs of anything else that is no space.
WORDS = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+", regex.IGNORECASE)


class ClipTokenizer:
    """ids equal to open_clip's and OpenAI's, for any text that does not spell out their special tokens: those are
    ordinary characters here."""

    KIND = "clip_bpe"
    vocab_size = 49_408
    start = vocab_size - 2
    end = vocab_size - 1
    pad = PAD
    unknown = None
    # id 0 is a word too ("!" that another character follows), but looks like padding
    word_ids = np.arange(PAD + 1, start, dtype=np.int32)

    def __init__(self):
        self._symbols, self._ranks, self._ids = _vocabulary()
        self._words: dict[str, list[int]] = {}

    def __call__(self, texts: list[str], context_length: int) -> np.ndarray:
        """-> [len(texts), context_length] int32"""
        return pack([self.encode(text) for text in listed(texts)], context_length, self.start, self.end)

    def encode(self, text: str) -> list[int]:
        """The ids of a text of any length, without start and end."""
        ids: list[int] = []
        for word in WORDS.findall(clean(text)):
            known = self._words.get(word)
            if known is None:
                if len(self._words) >= CACHED_WORDS:
                    self._words.clear()
                known = self._words[word] = self._encode_word(word)
            ids += known
        return ids

    def _encode_word(self, word: str) -> list[int]:
        """Merges the neighbours of lowest rank, everywhere they stand, until no two neighbours are in the list."""
        parts = [self._symbols[byte] for byte in word.encode()]
        parts[-1] += WORD_END
        while len(parts) > 1:
            ranks = [self._ranks.get(pair, MERGES) for pair in zip(parts, parts[1:])]
            lowest = min(ranks)
            if lowest == MERGES:
                break
            pair = tuple(parts[ranks.index(lowest) :][:2])
            merged, place = [], 0
            while place < len(parts):
                joins = tuple(parts[place : place + 2]) == pair
                merged.append("".join(pair) if joins else parts[place])
                place += 2 if joins else 1
            parts = merged
        return [self._ids[part] for part in parts]

    def pieces(self, ids: Iterable[int]) -> list[str]:
        names, bytes_of = list(self._ids), {symbol: byte for byte, symbol in self._symbols.items()}
        spelt = lambda i: bytes(bytes_of[symbol] for symbol in names[i].removesuffix(WORD_END))
        return named(ids, self.start, self.end, lambda i: spelt(i).decode(errors="replace"))

    def to_json(self) -> str:
        return json.dumps({"kind": self.KIND})

    def vocabulary(self) -> bytes:
        return VOCABULARY.read_bytes()

    @classmethod
    def from_json(cls, text: str) -> "ClipTokenizer":
        return cls()

    def __reduce__(self):
        return ClipTokenizer, ()  # the vocabulary ships with the package


def clean(text: str) -> str:
    """Repairs broken Unicode, resolves HTML entities (twice, as web data needs), joins white space, lower case."""
    plain = text.isascii() and text.isprintable() and "&" not in text  # nothing to repair, and ten times faster
    if not plain:
        text = html.unescape(html.unescape(ftfy.fix_text(text)))
    return " ".join(text.split()).lower()


@lru_cache(maxsize=1)
def _vocabulary() -> tuple[dict[int, str], dict[tuple[str, str], int], dict[str, int]]:
    """(byte -> its character in the vocabulary file, pair -> its rank, symbol -> its id)"""
    # Bytes that print as Latin-1 stand for themselves; the others, in order, are shifted to where characters print.
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    shifted = [byte for byte in range(256) if byte not in set(printable)]
    symbols = {byte: chr(byte) for byte in printable} | {byte: chr(256 + n) for n, byte in enumerate(shifted)}
    lines = gzip.decompress(VOCABULARY.read_bytes()).decode().split("\n")[1 : 1 + MERGES]
    pairs = [tuple(line.split()) for line in lines]
    alphabet = list(symbols.values())
    names = [*alphabet, *(symbol + WORD_END for symbol in alphabet), *("".join(pair) for pair in pairs)]
    ids = {name: number for number, name in enumerate(names)}
    return symbols, {pair: rank for rank, pair in enumerate(pairs)}, ids
