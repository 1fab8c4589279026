"""How a model reads texts: into ids, of which there is a largest number."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tandemclip.core.data.tokenizers.tokenizer import Tokenizer


@dataclass(frozen=True)
class Reading:
    """How a model reads texts: into at most `length` ids."""

    tokenizer: Tokenizer
    length: int

    def ids(self, texts: Sequence[str]) -> np.ndarray:
        """[N, length] int32"""
        return self.tokenizer(list(texts), self.length)

    def cut(self, texts: Sequence[str], ids: np.ndarray) -> np.ndarray:
        """[N] bool: it is longer than what is read. ids: of the texts."""
        found = ids[:, -1] != self.tokenizer.pad
        if found.any():
            full = [text for text, is_full in zip(texts, found) if is_full]
            found[found] = self.tokenizer(full, self.length + 1)[:, -1] != self.tokenizer.pad
        return found

    def wordless(self, ids: np.ndarray) -> np.ndarray:
        """[N] bool: nothing in it is a word that the model knows."""
        return ~np.isin(ids, self.tokenizer.word_ids).any(1)

    def unknown(self, ids: np.ndarray) -> np.ndarray:
        """[N] bool: some word in it is none that the model knows."""
        unknown = self.tokenizer.unknown
        return np.zeros(len(ids), bool) if unknown is None else (ids == unknown).any(1)

    @property
    def cut_says(self) -> str:
        return f"longer than the {self.length} tokens that the model reads, and cut"
