"""A caption with some of its words hidden, for masked language modelling (LightCLIP 3.4, BERT section 3.1)."""

from dataclasses import dataclass

import numpy as np

from tandemclip.core.data.views.text import TextView

CHOSEN = 0.15  # of the words of a text
MASKED, RANDOM = 0.8, 0.1  # of the chosen ones; the others are kept


def chosen_count(words: int) -> int:
    """How many of so many words are chosen: at least one, where there is one."""
    return min(words, max(1, round(CHOSEN * words)))


@dataclass(frozen=True)
class MaskedTextView(TextView):
    """A text as TextView gives it, and the same text with chosen words hidden, K places for every text.

    "_masked": [context_length] int32, the ids to read; the id of [MASK] is the tokenizer's vocab_size, above all
    others. "_end": [] int32, where the text ends: not where the ids of "_masked" are largest. "_places", "_targets":
    [K] int32, where the chosen words are, in order, and their true ids. "_chosen": [K] float32, 1 for a chosen word, 0
    for the zeros that fill up. K is the number for a text of full length.

    Any place between start and end may be chosen, each with the same chance. A chosen word is replaced by [MASK] (80%)
    or by a random word (10%), or is kept (10%). A text without words has none chosen.
    """

    @property
    def count(self) -> int:
        """K, at least 1: engines have no arrays without elements."""
        return max(1, chosen_count(self.context_length - 2))

    def arrays(self):
        each, text = (self.count,), (self.context_length,)
        whole, real = np.dtype(np.int32), np.dtype(np.float32)
        own = {"_masked": (text, whole), "_places": (each, whole), "_targets": (each, whole), "_chosen": (each, real)}
        return super().arrays() | own | {"_end": ((), whole)}

    def of(self, text, record, rng, tokenizer):
        found = super().of(text, record, rng, tokenizer)
        ids = found[""]
        end = int(np.argmax(ids == tokenizer.end))
        number = chosen_count(end - 1)
        chosen = np.sort(1 + rng.choice(end - 1, number, replace=False)) if number else np.zeros(0, int)
        masked = ids.copy()
        masked[chosen] = _hidden(ids[chosen], rng, tokenizer)
        places, targets, there = (np.zeros(self.count, dtype) for dtype in (np.int32, np.int32, np.float32))
        places[:number], targets[:number], there[:number] = chosen, ids[chosen], 1
        own = {"_masked": masked, "_places": places, "_targets": targets, "_chosen": there}
        return found | own | {"_end": np.asarray(end, np.int32)}


def _hidden(ids, rng, tokenizer):  # int [n] -> int [n]: what stands in their places
    kind = rng.random(len(ids))
    words = tokenizer.word_ids[rng.integers(0, len(tokenizer.word_ids), len(ids))]
    return np.where(kind < MASKED, tokenizer.vocab_size, np.where(kind < MASKED + RANDOM, words, ids))
