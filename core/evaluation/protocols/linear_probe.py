"""A linear probe: how well classes are told apart by a linear classifier of features that stay as they are.

Multinomial logistic regression by L-BFGS (Radford et al. 2021, A.3), of features scaled to length 1 (as SupCon's are,
Khosla et al. 2020, section 3), its strength of regularisation the one that does best on a tenth of the features that it
does not learn from. SupCon's second stage is this, too.
"""

import warnings
from dataclasses import dataclass

import numpy as np

from tandemclip.core.answers import of_classes
from tandemclip.core.data.sources.class_names import places_among
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.features import unit_rows, with_class
from tandemclip.core.hits import Hits
from tandemclip.core.random import generator
from tandemclip.core.training.evaluation import Evaluation

LINEAR_PROBE = "linear_probe"
STRENGTHS = tuple(10.0**power for power in range(-2, 5))  # of C, for features of length 1
ITERATIONS = 1000


@dataclass(frozen=True)
class LinearProbe(Evaluation):
    """All records of `source`, by a linear classifier of features that stay as they are.

    source: what is asked. learn: what is learned from; it has all classes of `source`, which are compared by name.
    """

    source: Source
    learn: Source

    def metrics(self, method):
        self._places()
        return [LINEAR_PROBE]

    def measure(self, model):
        places = self._places()
        learned, labels = with_class(model, self.learn, "encode_features")
        asked, label = with_class(model, self.source, "encode_features")
        if len(places):
            label = np.where(label < 0, -1, places[label])
        found = predict(learned[labels >= 0], labels[labels >= 0], asked)
        chance = 1 / len(np.unique(labels[labels >= 0]))
        answers = of_classes(found[:, None], label, self.learn.listed_classes)
        return {LINEAR_PROBE: Hits((found == label) & (label >= 0), label >= 0, chance=chance, answers=answers)}

    def _places(self) -> np.ndarray:
        """[classes of `source`] int: the number of each in `learn`; [0] where neither says what they are called."""
        learned, asked = self.learn.listed_classes, self.source.listed_classes
        if bool(learned) != bool(asked):
            raise UserError(
                f"linear_probe: {len(learned)} classes are learned and {len(asked)} others asked; give two sources "
                "that say what their classes are called"
            )
        return places_among(asked, learned)


def predict(learned: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Features learned [M, D] with labels [M] int, asked [N, D], of any length -> [N], the label of each."""
    learned, asked = unit_rows(learned, "features learned from"), unit_rows(asked, "features asked about")
    order = generator("linear probe").permutation(len(labels))
    classes, firsts = np.unique(labels[order], return_index=True)
    others = np.delete(order, firsts)  # every class stays among those that are learned from
    if len(classes) < 2 or not len(others):
        raise UserError(
            f"the linear probe has {len(labels)} records of {len(classes)} classes to learn from; it needs two "
            "classes, and more records than classes: give another `learn`"
        )
    held = others[: max(1, len(labels) // 10)]
    rest = np.setdiff1d(order, held)
    scores = [_fit(learned[rest], labels[rest], strength).score(learned[held], labels[held]) for strength in STRENGTHS]
    return _fit(learned, labels, STRENGTHS[int(np.argmax(scores))]).predict(asked)


def _fit(features, labels, strength):
    from sklearn.exceptions import ConvergenceWarning  # here, so that processes that load need not import scikit-learn
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        # what does not converge is hardly regularised; the tenth decides whether it is taken
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=strength, max_iter=ITERATIONS).fit(features, labels)
