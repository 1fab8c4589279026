"""k nearest neighbours: an image has the class that those have which it resembles most, by features as they are.

Wu et al. 2018 (arXiv:1805.01978), section 3.4, with k and temperature as DINO has them (Caron et al. 2021,
arXiv:2104.14294, appendix F.1). Nothing is fitted, so that nothing has to be chosen.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tandemclip.core.bounds import Count, Positive
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.classes import class_metrics, class_statistics
from tandemclip.core.evaluation.protocols.features import unit_rows
from tandemclip.core.evaluation.protocols.learned import class_count, labelled, on_same, on_unlearned, places_in
from tandemclip.core.evaluation.protocols.rows import Rows
from tandemclip.core.training.evaluation import Evaluation

ROWS, COLUMNS = 256, 1 << 14  # similarities held at a time: of so many images, to so many that are learned from


@dataclass(frozen=True)
class KNearest(Evaluation):
    """All records of `source`, by the classes of those records of `learn` that are nearest by cosine: each of the k
    nearest gives its class exp(cosine / temperature).

    source: what is asked. learn: where neighbours are looked for; it has all classes of `source`, which are compared by
    name. k: how many neighbours. temperature: the lower, the more the nearest count.
    """

    source: Source
    learn: Source
    k: Count = 20
    temperature: Positive = 0.07

    def metrics(self, method):
        places_in(self.source, self.learn)
        return class_metrics(class_count(self.learn), self.learn.multi_label)

    def measure(self, model):
        places_in(self.source, self.learn)  # what cannot be compared is told before anything is encoded
        learned, classes = labelled(model, self.learn, self.learn).known, class_count(self.learn)
        if len(learned) < self.k:
            raise UserError(
                f"k_nearest: `learn` has {len(learned)} records with a class, and k is {self.k}; give a smaller k, or "
                "more records"
            )
        asked = labelled(model, self.source, self.learn)
        found = nearest(learned.features, asked.features, self.k)
        scores = votes(found, learned.truth, classes, self.temperature)
        names = self.learn.listed_classes
        told = () if learned.multi_label else on_unlearned(learned.truth, asked.truth, names)
        told += on_same("learn", learned, asked)
        return class_statistics(scores, asked.truth, classes, told, names)


def nearest(learned: np.ndarray | Rows, asked: np.ndarray | Rows, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Features learned [M, D] and asked [N, D], of any length -> the k highest cosines of each asked, [N, k], the
    highest first, and of which of the M they are. Exact; of equal ones at the end any may be taken.
    """
    asked = unit_rows(asked, "features asked about")
    best, which = np.full((len(asked), k), -np.inf), np.zeros((len(asked), k), np.int64)
    for first in range(0, len(learned), COLUMNS):
        block = unit_rows(learned[first : first + COLUMNS], f"features learned from, {first} and on,")
        numbers = np.arange(first, first + len(block))
        for start in range(0, len(asked), ROWS):
            rows = slice(start, start + ROWS)
            cosines = np.concatenate([best[rows], asked[rows] @ block.T], 1)
            known = np.concatenate([which[rows], np.broadcast_to(numbers, (len(cosines), len(numbers)))], 1)
            top = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
            best[rows], which[rows] = np.take_along_axis(cosines, top, 1), np.take_along_axis(known, top, 1)
    order = np.argsort(-best, axis=1, kind="stable")
    return np.take_along_axis(best, order, 1), np.take_along_axis(which, order, 1)


def votes(
    found: tuple[np.ndarray, np.ndarray], taught: np.ndarray, classes: int, temperature: float
) -> Iterator[np.ndarray]:
    """found: of `nearest`. taught: the classes of those learned from, [M] int, or [M, C], of which what is not asked is
    taken for a no -> [n, C], some images after others: the share of the votes that each class has.
    """
    cosines, which = found
    weights = np.exp((cosines - cosines[:, :1]) / temperature)  # against the nearest: no temperature overflows
    weights /= weights.sum(1, keepdims=True)
    for start in range(0, len(which), ROWS):
        rows = slice(start, start + ROWS)
        own = taught[which[rows]]  # [n, k] or [n, k, C]
        has = own == 1 if taught.ndim == 2 else own[..., None] == np.arange(classes)
        yield np.einsum("nk,nkc->nc", weights[rows], has)
