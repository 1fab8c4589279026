"""What becomes of texts on their way into a model: cut, unknown, one and the same. A figure would not say so.

Each function gives remarks, a sentence each. None is an error: a run that has trained for hours asks this, too.
"""

from __future__ import annotations

import numpy as np

from tandemclip.core.errors import UserError
from tandemclip.core.methods.method import Method
from tandemclip.core.serving.reading import Reading


def refuse_textless(method: Method) -> None:
    """UserError where a method reads no texts, and so cannot be asked by them."""
    if method.text is None:
        raise UserError(
            f"{type(method).__name__} reads no texts, and is asked by texts here; measure it by its own classes, its "
            "nearest neighbours or a linear probe"
        )


def of_prompts(reading: Reading, prompts_by_class: list[list[str]]) -> tuple[str, ...]:
    """On the texts of classes. Those that are the same come of names outside the vocabulary, of names that are equal
    but for case, and of templates so long that the name is cut off.
    """
    prompts = [prompt for prompts in prompts_by_class for prompt in prompts]
    owner = np.repeat(np.arange(len(prompts_by_class)), [len(prompts) for prompts in prompts_by_class])
    ids, classes = reading.ids(prompts), len(prompts_by_class)
    found = [*_same(reading, ids, prompts_by_class)]
    for kind, what in ((reading.cut(prompts, ids), reading.cut_says), (reading.unknown(ids), _UNKNOWN)):
        if kind.any():
            first = prompts[int(np.flatnonzero(kind)[0])]
            found.append(
                f"{len(np.unique(owner[kind])):,} of {classes:,} classes have texts {what}, such as {first!r:.80}"
            )
    return tuple(found)


def of_captions(reading: Reading, captions: list[str], owner: np.ndarray, images: int) -> tuple[str, ...]:
    """On the captions of images. owner: [captions] int, whose each is."""
    ids = reading.ids(captions)
    kinds = {
        f"are {reading.cut_says}": reading.cut(captions, ids),
        "have no word that the model knows": reading.wordless(ids),
        "are to the model the same as one of another image": _of_several(ids, owner),
    }
    found = [
        f"{kind.sum():,} of {len(captions):,} captions {what}, such as {captions[int(np.flatnonzero(kind)[0])]!r:.80}"
        for what, kind in kinds.items()
        if kind.any()
    ]
    alone = images - len(np.unique(owner))
    return (*found, *([f"{alone:,} of {images:,} images have no caption; they are candidates only"] if alone else []))


_UNKNOWN = "with a word that the model does not know"


def _same(reading: Reading, ids: np.ndarray, prompts_by_class: list[list[str]]) -> list[str]:
    same = same_texts(ids, [len(prompts) for prompts in prompts_by_class])
    if not same:
        return []
    one, other = (f"{prompts_by_class[number][0]!r:.80} (class {number})" for number in same[0][:2])
    return [
        f"{sum(map(len, same)):,} of {len(prompts_by_class):,} classes have the same texts as another to the model, "
        f"such as {one} and {other}; it cannot tell them apart: use words of the vocabulary, other names, "
        f"or templates shorter than {reading.length} tokens"
    ]


def same_texts(ids: np.ndarray, counts: list[int]) -> list[list[int]]:
    """ids: [prompts, length], those of one class behind those of another, `counts` of each -> the numbers of classes,
    together where all their prompts are the same ids; others left out.
    """
    found: dict[bytes, list[int]] = {}
    for number, rows in enumerate(np.split(ids, np.cumsum(counts)[:-1])):
        found.setdefault(rows.tobytes(), []).append(number)
    return [numbers for numbers in found.values() if len(numbers) > 1]


def _of_several(ids: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """[N] bool: an equal row of `ids` has another owner."""
    _, which = np.unique(ids, axis=0, return_inverse=True)
    pairs = np.unique(np.stack([which.ravel(), owner]), axis=1)  # each text with each of its owners, once
    return (np.bincount(pairs[0]) > 1)[which.ravel()]
