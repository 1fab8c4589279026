"""What a probe learns from: features with classes, whose numbers are those of the source that is learned from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tandemclip.core.data.sources.class_names import places_among
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.features import with_class
from tandemclip.core.evaluation.protocols.logistic import check_finite
from tandemclip.core.evaluation.protocols.rows import Rows
from tandemclip.core.random import generator
from tandemclip.core.serving.model import Model


@dataclass(frozen=True, eq=False)
class Labelled:
    """features: [N, D]. labels: [N] int, the class of each, -1 where there is none."""

    features: Rows
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: np.ndarray) -> Labelled:
        """chosen: numbers of images, or [N] bool."""
        return Labelled(self.features.take(chosen), self.labels[chosen])

    def then(self, others: Labelled) -> Labelled:
        return Labelled(self.features.then(others.features), np.concatenate([self.labels, others.labels]))

    @property
    def known(self) -> Labelled:
        """Those that have a class."""
        return self.take(self.labels >= 0)


def labelled(model: Model, source: Source, learn: Source) -> Labelled:
    """Every image of the source, by its features in front of the projection, as they are."""
    places = places_in(source, learn)
    features, labels = with_class(model, source, "encode_features")
    check_finite(features)
    return Labelled(Rows.of(features), np.where(labels < 0, -1, places[labels]) if len(places) else labels)


def places_in(source: Source, learn: Source) -> np.ndarray:
    """[classes of `source`] int: the number of each in `learn`; [0] where neither says what they are called."""
    learned, asked = learn.listed_classes, source.listed_classes
    if bool(learned) != bool(asked):
        raise UserError(
            f"{len(learned)} classes are learned and {len(asked)} others asked; give two sources that say what their"
            " classes are called"
        )
    return places_among(asked, learned)


def class_count(learn: Source) -> int:
    return len(learn.listed_classes) or int(learn.labels().max(initial=-1)) + 1


def held_out(labels: np.ndarray, share: float, key: str) -> tuple[np.ndarray, np.ndarray]:
    """labels: [N] int -> the numbers of those that are learned from, and of this share of all, which are not. They are
    drawn, by `key`; every class stays among those that are learned from. UserError where nothing can be held out.
    """
    order = generator(key).permutation(len(labels))
    classes, firsts = np.unique(labels[order], return_index=True)
    others = np.delete(order, firsts)
    if len(classes) < 2 or not len(others):
        raise UserError(
            f"the {key} has {len(labels)} records of {len(classes)} classes to learn from; it needs two classes, and "
            "more records than classes: give another `learn`"
        )
    held = others[: max(1, int(len(labels) * share))]
    return np.setdiff1d(order, held), np.sort(held)
