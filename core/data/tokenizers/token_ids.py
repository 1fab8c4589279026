"""The layout of token ids that all tokenizers share."""

import numpy as np

PAD = 0


def pack(encoded: list[list[int]], context_length: int, start: int, end: int) -> np.ndarray:
    """Texts of any length -> [len(encoded), context_length] int32: start, text, end, padding; the rest is cut off."""
    ids = np.full((len(encoded), context_length), PAD, np.int32)
    for row, words in zip(ids, encoded):
        words = [start, *words[: context_length - 2], end]
        row[: len(words)] = words
    return ids
