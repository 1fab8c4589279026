"""A linear probe: how well classes are told apart by a linear classifier of features that stay as they are.

Multinomial logistic regression by L-BFGS (Radford et al. 2021, A.3), of features scaled to length 1 (as SupCon's are,
Khosla et al. 2020, section 3), its strength of regularisation the one that does best on a tenth of the features that it
does not learn from. SupCon's second stage is this, too.
"""

from dataclasses import dataclass

import numpy as np

from tandemclip.core.answers import of_classes
from tandemclip.core.data.sources.source import Source
from tandemclip.core.evaluation.protocols.features import unit_rows, with_class
from tandemclip.core.evaluation.protocols.learned import (
    Labelled,
    as_learned,
    held_out,
    on_same,
    on_unlearned,
    places_in,
    refuse_multi_label,
)
from tandemclip.core.evaluation.protocols.logistic import fit
from tandemclip.core.evaluation.protocols.rows import Rows
from tandemclip.core.hits import Hits
from tandemclip.core.training.evaluation import Evaluation

LINEAR_PROBE = "linear_probe"
STRENGTHS = tuple(10.0**power for power in range(2, -5, -1))  # of L2, for features of length 1
HELD_OUT = 0.1  # of what is learned from


@dataclass(frozen=True)
class LinearProbe(Evaluation):
    """All records of `source`, by a linear classifier of features that stay as they are.

    source: what is asked. learn: what is learned from; it has all classes of `source`, which are compared by name.
    """

    source: Source
    learn: Source

    def metrics(self, method):
        self._check()
        return [LINEAR_PROBE]

    def measure(self, model):
        self._check()
        learned, labels = with_class(model, self.learn, "encode_features")
        asked, label = with_class(model, self.source, "encode_features")
        label = as_learned(label, self.source, self.learn)
        found, names = predict(learned[labels >= 0], labels[labels >= 0], asked), self.learn.listed_classes
        chance, told = 1 / len(np.unique(labels[labels >= 0])), on_unlearned(labels, label, names)
        told += on_same("learn", Labelled(Rows.of(learned), labels), Labelled(Rows.of(asked), label))
        answers, right = of_classes(found[:, None], label, names), (found == label) & (label >= 0)
        return {LINEAR_PROBE: Hits(right, label >= 0, chance=chance, remarks=told, answers=answers)}

    def _check(self) -> None:
        refuse_multi_label(LINEAR_PROBE, self.source, self.learn)
        places_in(self.source, self.learn)


def predict(learned: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Features learned [M, D] with labels [M] int, asked [N, D], of any length -> [N], the label of each.

    What does not converge is hardly regularised; the tenth decides whether it is taken.
    """
    learned, asked = unit_rows(learned, "features learned from"), unit_rows(asked, "features asked about")
    rest, held = held_out(labels, HELD_OUT, "linear probe")
    right = lambda strength: fit(learned[rest], labels[rest], strength).predict(learned[held]) == labels[held]
    scores = [np.mean(right(strength)) for strength in STRENGTHS]
    return fit(learned, labels, STRENGTHS[int(np.argmax(scores))]).predict(asked)
