"""One small change to a text: a synonym, a swap or deletion (EDA; Wei and Zou 2019, section 2), as DeCLIP's released
code draws it."""

import re
from collections.abc import Callable

import numpy as np

DELETED = 0.1  # the chance of each word
# Words whose synonyms in WordNet mean something else: "a" (the vitamin), "in" (the metal), "can" (the tin).
STOP_WORDS = frozenset(
    "a about above after again against all am an and any are as at be because been before being below between both but "
    "by can could did do does doing down during each few for from further had has have having he her here hers him his "
    "how i if in into is it its just me more most my no nor not now of off on once only or other our out over own same "
    "she should so some such than that the their them then there these they this those through to too under until up "
    "very was we were what when where which while who whom why will with would you your".split()
)

Synonyms = Callable[[str], list[str]]


def edit(text: str, synonyms: Synonyms, rng: np.random.Generator) -> str:
    """One of the three, each with a chance of one third. Never blank, unless the text was.

    A text may stay as it is: no word of it has a synonym, it has one word to swap, or no word is drawn to be deleted.
    """
    words = text.split()
    if not words:
        return text
    kind = int(rng.integers(3))
    if kind == 0:
        return " ".join(replace_word(words, synonyms, rng))
    return " ".join(swap_words(words, rng) if kind == 1 else delete_words(words, DELETED, rng))


def replace_word(words: list[str], synonyms: Synonyms, rng: np.random.Generator) -> list[str]:
    """One word, of those that have synonyms, becomes one of its own; at each place where it stands.

    Punctuation around it stays. Function words are never replaced.
    """
    parts = [re.fullmatch(r"(\W*)(.*?)(\W*)", word).groups() for word in words]
    candidates = sorted({middle.lower() for _, middle, _ in parts} - STOP_WORDS - {""})
    for number in rng.permutation(len(candidates)):
        old, others = candidates[number], synonyms(candidates[number])
        if others:
            new = others[int(rng.integers(len(others)))]
            return [before + (new if middle.lower() == old else middle) + after for before, middle, after in parts]
    return words


def swap_words(words: list[str], rng: np.random.Generator) -> list[str]:
    """Two places change their words; a single word stays."""
    if len(words) < 2:
        return words
    one, other = rng.choice(len(words), 2, replace=False)
    words = list(words)
    words[one], words[other] = words[other], words[one]
    return words


def delete_words(words: list[str], chance: float, rng: np.random.Generator) -> list[str]:
    """Each word goes with this chance; where all would go, one of them stays."""
    stays = rng.random(len(words)) >= chance
    one = int(rng.integers(len(words)))
    return [word for word, kept in zip(words, stays) if kept] or [words[one]]
