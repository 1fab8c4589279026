"""What a probe learns from: features with classes, whose numbers are those of the source that is learned from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tandemclip.core.data.sources.class_names import places_among
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.features import told, with_class
from tandemclip.core.evaluation.protocols.logistic import check_finite
from tandemclip.core.evaluation.protocols.rows import Rows
from tandemclip.core.random import generator
from tandemclip.core.serving.model import Model


@dataclass(frozen=True, eq=False)
class Labelled:
    """features: [N, D]. truth: [N] int, the class of each, -1 where there is none; where a picture may have several,
    [N, C] int8, of each class 1 yes, 0 no, -1 not asked.
    """

    features: Rows
    truth: np.ndarray

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def multi_label(self) -> bool:
        return self.truth.ndim == 2

    def take(self, chosen: np.ndarray) -> Labelled:
        """chosen: numbers of images, or [N] bool."""
        return Labelled(self.features.take(chosen), self.truth[chosen])

    def then(self, others: Labelled) -> Labelled:
        return Labelled(self.features.then(others.features), np.concatenate([self.truth, others.truth]))

    @property
    def known(self) -> Labelled:
        """Those that have a class."""
        return self.take(told(self.truth))


def labelled(model: Model, source: Source, learn: Source) -> Labelled:
    """Every image of the source, by its features in front of the projection, as they are."""
    places_in(source, learn)  # what cannot be compared is told before anything is encoded
    features, truth = with_class(model, source, "encode_features")
    check_finite(features)
    return Labelled(Rows.of(features), as_learned(truth, source, learn))


def as_learned(truth: np.ndarray, source: Source, learn: Source) -> np.ndarray:
    """The truth of a source, [N] or [N, C], by the numbers that `learn` gives its classes; as it is where neither says
    what they are called.
    """
    places = places_in(source, learn)
    if not len(places):
        return truth
    if truth.ndim == 1:
        return np.where(truth < 0, -1, places[truth])
    found = np.full((len(truth), len(learn.listed_classes)), -1, np.int8)
    found[:, places] = truth
    return found


def places_in(source: Source, learn: Source) -> np.ndarray:
    """[classes of `source`] int: the number of each in `learn`; [0] where neither says what they are called."""
    learned, asked = learn.listed_classes, source.listed_classes
    if bool(learned) != bool(asked):
        raise UserError(
            f"{len(learned)} classes are learned and {len(asked)} others asked; give two sources that say what their"
            " classes are called"
        )
    if source.multi_label != learn.multi_label:
        raise UserError(
            "pictures of one of two sources have several classes, and those of the other have one; learn from the same "
            "data that are asked about"
        )
    return places_among(asked, learned)


def refuse_multi_label(protocol: str, *sources: Source) -> None:
    if any(source.multi_label for source in sources):
        raise UserError(
            f"{protocol} is for pictures of one class, and those of the source may have several; take parametric_probe"
        )


def class_count(learn: Source) -> int:
    return len(learn.listed_classes) or int(learn.labels().max(initial=-1)) + 1


def called(number: int, names: tuple[str, ...]) -> str:
    """A class, in a remark. names: of the classes, () where nobody says."""
    return repr(names[number]) if names else f"number {number}"


def on_unlearned(learned: np.ndarray, asked: np.ndarray, names: tuple[str, ...]) -> tuple[str, ...]:
    """learned, asked: [N], [M] int, the classes of pictures, -1 for none -> a remark where some are asked about and in
    none of the pictures that are learned from. names: of the classes, () where nobody says.
    """
    classes = np.unique(asked[asked >= 0])
    without = np.setdiff1d(classes, learned)
    if not len(without):
        return ()
    return (
        f"{len(without):,} of the {len(classes):,} classes that are asked about are in none of the pictures that are "
        f"learned from, such as {called(without[0], names)}, and {np.isin(asked, without).sum():,} pictures are of "
        "them",
    )


def on_same(role: str, taught: Labelled, asked: Labelled) -> tuple[str, ...]:
    """A remark where the pictures of this role are, one by one, those that are asked about. Their features tell,
    wherever they lie and whatever they are called there.
    """
    taught, asked = taught.known, asked.known
    if not (np.array_equal(taught.truth, asked.truth) and np.array_equal(taught.features, asked.features)):
        return ()
    return (f"`{role}` has the very pictures that are asked about, so that the figure tells nothing of new ones",)


def on_validation(validation: Labelled, learned: Labelled, asked: Labelled, names: tuple[str, ...]) -> tuple[str, ...]:
    """Remarks where the strength is chosen on what is asked about, or without a picture of some class."""
    learned_classes, chosen_on = (_classes(each.truth) for each in (learned, validation))
    told, without = on_same("validation", validation, asked), np.setdiff1d(learned_classes, chosen_on)
    if not len(without):
        return told
    return (
        *told,
        f"{len(without):,} of the {len(learned_classes):,} classes that are learned are in none of the pictures of "
        f"`validation`, on which the strength of L2 is chosen, such as {called(without[0], names)}",
    )


def _classes(truth: np.ndarray) -> np.ndarray:
    """[N] or [N, C] -> the numbers of those that a picture has."""
    return np.flatnonzero((truth > 0).any(0)) if truth.ndim == 2 else np.unique(truth[truth >= 0])


def held_out(truth: np.ndarray, share: float, key: str) -> tuple[np.ndarray, np.ndarray]:
    """truth: [N] or [N, C] -> the numbers of those that are learned from, and of this share of all, which are not. They
    are drawn, by `key`; every class stays among those that are learned from. UserError where nothing can be held out.
    """
    order = generator(key).permutation(len(truth))
    if truth.ndim == 2:
        classes = np.flatnonzero((truth > 0).any(0))
        firsts = (truth[order][:, classes] > 0).argmax(0)
    else:
        classes, firsts = np.unique(truth[order], return_index=True)
    others = np.delete(order, firsts)
    if len(classes) < 2 or not len(others):
        raise UserError(
            f"the {key} has {len(truth)} records of {len(classes)} classes to learn from; it needs two classes, and "
            "more records than classes: give another `learn`"
        )
    held = others[: max(1, int(len(truth) * share))]
    return np.setdiff1d(order, held), np.sort(held)
