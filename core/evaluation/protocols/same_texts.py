"""Classes that are one and the same text to a model: it cannot tell them apart, and a figure would not say so."""

import logging

import numpy as np


def warn_of_same_texts(tokenizer, context_length: int, prompts_by_class: list[list[str]]) -> None:
    """A warning that counts such classes and names two. No error: a run that has trained for hours asks this, too.

    The reasons are names outside the vocabulary, names that are equal but for case, and templates so long that the name
    is cut off.
    """
    same = same_texts(tokenizer, context_length, prompts_by_class)
    if not same:
        return
    one, other = same[0][:2]
    logging.getLogger(__name__).warning(
        "zero-shot classification: %d of %d classes have the same texts as another to the model, such as %r (class %d) "
        "and %r (class %d); it cannot tell them apart: use words of the vocabulary, other names, or templates shorter "
        "than %d tokens",
        sum(map(len, same)), len(prompts_by_class), prompts_by_class[one][0], one, prompts_by_class[other][0], other,
        context_length,
    )  # fmt: skip


def same_texts(tokenizer, context_length: int, prompts_by_class: list[list[str]]) -> list[list[int]]:
    """The numbers of classes, together where all their prompts are the same ids [context_length]; others left out."""
    ids = tokenizer([prompt for prompts in prompts_by_class for prompt in prompts], context_length)
    ends = np.cumsum([len(prompts) for prompts in prompts_by_class])
    found: dict[bytes, list[int]] = {}
    for number, rows in enumerate(np.split(ids, ends[:-1])):
        found.setdefault(rows.tobytes(), []).append(number)
    return [numbers for numbers in found.values() if len(numbers) > 1]
