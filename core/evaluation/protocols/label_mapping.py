"""Zero-shot classification by a method that has classes of its own and no texts: each of its classes stands for the
class of the data that has its name, or that it is a kind of.

UniCL (Yang et al. 2022, 4.2.1) measures its cross-entropy baselines so, "with extra label mapping efforts", and does
not say how: the rules are ours (`name_mapping.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.views.wordnet import wordnet
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.classes import class_hits, hit_metrics, ranked, refuse_classless
from tandemclip.core.evaluation.protocols.features import with_class
from tandemclip.core.evaluation.protocols.learned import refuse_multi_label
from tandemclip.core.evaluation.protocols.name_mapping import NONE, by_kind, by_name
from tandemclip.core.identity import Identity
from tandemclip.core.training.evaluation import Evaluation


@dataclass(frozen=True)
class LabelMapping(Evaluation):
    """All records of `source`, by those classes that a method has learned and that stand for one of the source's.

    source: what is asked; it says what its classes are called. by: "name": classes that have a name in common.
    "wordnet": also those that are a kind of what is asked, as WordNet knows it ("tabby" of "cat"); it is looked for
    where WNSEARCHDIR says, or where systems put it.
    """

    source: Source
    by: Literal["name", "wordnet"] = "name"

    def metrics(self, method):
        refuse_classless("label_mapping", method)
        return hit_metrics(len(self._asked_classes()))

    def check(self, method, class_names):
        self._places(class_names)

    def identity(self):
        if self.by == "name":
            return super().identity()
        found = wordnet()
        return {**super().identity(), "wordnet": Identity(found.hash(), str(found.folder.resolve()))}

    def measure(self, model):
        places, asked = self._places(model.class_names), self._asked_classes()
        own, labels = with_class(model, self.source, "classify", len(asked))  # [N, classes], [N]
        scores = mapped(own, places, len(asked))
        return class_hits(ranked([scores]), labels, len(asked), on_mapping(places, asked, self.by), asked)

    def _asked_classes(self) -> tuple[str, ...]:
        refuse_multi_label("label_mapping", self.source)
        if not self.source.listed_classes:
            raise UserError(
                "label_mapping compares classes by name, and the source does not say what its classes are called; give "
                "it `classes`"
            )
        return self.source.listed_classes

    def _places(self, learned: tuple[str, ...]) -> np.ndarray:
        """[learned] int: the class of the source that each stands for, or NONE."""
        asked = self._asked_classes()
        if not learned:
            raise UserError(
                "label_mapping compares classes by name, and the checkpoint does not say what its classes are called; "
                "train it on a source that has `classes`"
            )
        places = by_name(learned, asked) if self.by == "name" else by_kind(learned, asked, wordnet())
        if (places == NONE).all():
            raise UserError(
                f"label_mapping: none of the {len(learned)} classes that were learned, such as {learned[0]!r}, stands "
                f"for one of the {len(asked)} that are asked, such as {asked[0]!r}; "
                + ("try by=wordnet" if self.by == "name" else "ask about other data")
            )
        return places


def mapped(scores: np.ndarray, places: np.ndarray, count: int) -> np.ndarray:
    """[N, own] logits, places [own] -> [N, count]: the logarithm of the sum of the likelihoods of those classes that
    stand for each, up to a number that an image's classes share; -inf for a class that none stands for.
    """
    found = np.full((len(scores), count), -np.inf)
    for place in np.unique(places[places != NONE]):
        found[:, place] = np.logaddexp.reduce(np.float64(scores[:, places == place]), axis=1)
    return found


def on_mapping(places: np.ndarray, asked: tuple[str, ...], by: str) -> tuple[str, ...]:
    """Remarks: how many classes stand for one that is asked, and which of these have none."""
    stand = (
        f"{np.sum(places != NONE):,} of {len(places):,} classes that were learned stand for one of the {len(asked):,}"
    )
    without = [name for number, name in enumerate(asked) if number not in places]
    told = f"{len(without):,} of these have none and count as wrong, such as {without[0]!r}" if without else ""
    return (f"{stand} that are asked, by {by}", *([told] if told else []))
