"""What a model answered, for people to look at: which pictures it takes for what, and what it finds for a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

FIRST = 5  # answers that are kept of a question


@dataclass(frozen=True, eq=False)
class Answers:
    """What stood first for each of Q questions.

    kind: "classes": which class a picture was taken for. "texts": which captions were found for a picture. "pictures":
    which pictures were found for a text.
    texts: the names of the classes, () where nobody says; or the captions that occur.
    asked: [Q] int, the number of the picture's record; of "pictures", the text's place in `texts`.
    first: [Q, K] int, what was answered, the best first: places in `texts`, or numbers of records.
    right: [Q, R] int, the answers that are right; -1 where there are fewer.
    """

    kind: Literal["classes", "texts", "pictures"]
    texts: tuple[str, ...]
    asked: np.ndarray
    first: np.ndarray
    right: np.ndarray

    def name(self, place: int) -> str:
        """Of one of `texts`; of a class beyond them, as a head of more outputs than classes may answer, its number."""
        return self.texts[place] if place < len(self.texts) else f"class {place}"


def of_classes(predicted: np.ndarray, labels: np.ndarray, names: tuple[str, ...] = ()) -> Answers:
    """predicted: [N, K] classes by rank, labels: [N] int, -1 where nothing was asked."""
    asked = np.flatnonzero(labels >= 0)
    return Answers("classes", names, asked, predicted[asked, :FIRST], labels[asked, None])
