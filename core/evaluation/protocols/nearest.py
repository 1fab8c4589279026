"""Some questions of a retrieval with what is found for them, for people to look at."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tandemclip.core.answers import FIRST, Answers

Similarity = Callable[[np.ndarray, np.ndarray], np.ndarray]  # [N, ...], [M, ...] -> [N, M]
SHOWN = 8  # questions of each kind, at even distances


def examples(
    images: np.ndarray, texts: np.ndarray, owner: np.ndarray, captions: list[str], similarity: Similarity
) -> dict[str, Answers]:
    """images [N, ...], texts [M, ...], owner [M] the image of each -> what is nearest, by the name of the metric that
    rests on it.

    The questions are the same for any model.
    """
    return {
        "i2t/R@1": _of_images(images, texts, owner, captions, similarity),
        "t2i/R@1": _of_texts(images, texts, owner, captions, similarity),
    }


def _of_images(images, texts, owner, captions, similarity) -> Answers:
    asked = _even(np.unique(owner))
    first = _nearest(similarity(images[asked], texts))
    own = [np.flatnonzero(owner == number) for number in asked]
    right = np.full((len(asked), max(map(len, own))), -1)
    for row, numbers in zip(right, own):
        row[: len(numbers)] = numbers
    occurring, places = np.unique(np.concatenate([first.ravel(), right[right >= 0]]), return_inverse=True)
    right[right >= 0] = places[first.size :]
    shown = tuple(captions[number] for number in occurring)
    return Answers("texts", shown, asked, places[: first.size].reshape(first.shape), right)


def _of_texts(images, texts, owner, captions, similarity) -> Answers:
    asked = _even(np.arange(len(texts)))
    first = _nearest(similarity(images, texts[asked]).T)
    shown = tuple(captions[number] for number in asked)
    return Answers("pictures", shown, np.arange(len(asked)), first, owner[asked, None])


def _even(numbers: np.ndarray) -> np.ndarray:
    """Up to SHOWN of them."""
    count = min(SHOWN, len(numbers))
    return numbers[np.arange(count) * len(numbers) // count]


def _nearest(scores: np.ndarray) -> np.ndarray:
    """[Q, M] -> [Q, up to FIRST] int, by falling score."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :FIRST]
