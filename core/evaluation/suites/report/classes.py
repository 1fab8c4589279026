"""How each class fared, and what the worst ones are taken for."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tandemclip.core.answers import Answers
from tandemclip.core.data.sources.source import Source
from tandemclip.core.evaluation.suites.report.markup import picture, tag

WORST, BEST = 16, 8  # classes that are shown where there are more
CONFUSED = 5  # classes whose errors are shown
PICTURES = 4  # of each


@dataclass(frozen=True, eq=False)
class Counts:
    """Of the answers of one checkpoint."""

    answers: Answers

    @property
    def labels(self) -> np.ndarray:  # [Q]
        return self.answers.right[:, 0]

    @property
    def predicted(self) -> np.ndarray:  # [Q]
        return self.answers.first[:, 0]

    @cached_property
    def images(self) -> np.ndarray:
        """[C]: how many pictures each class has."""
        return np.bincount(self.labels, minlength=self.classes)

    @property
    def classes(self) -> int:
        return max(len(self.answers.texts), 1 + int(max(self.labels.max(), self.predicted.max())))

    @cached_property
    def shares(self) -> np.ndarray:
        """[C]: the share of its pictures that are taken for it; NaN for a class without any."""
        right = np.bincount(self.labels[self.labels == self.predicted], minlength=self.classes)
        return np.divide(right, self.images, out=np.full(self.classes, np.nan), where=self.images > 0)

    def shares_of(self, numbers: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Of the classes that have these numbers in labels [Q] of the same questions: a method numbers its own."""
        asked = [int(np.flatnonzero(labels == number)[0]) for number in numbers]
        return self.shares[self.labels[asked]]

    def worst(self) -> list[int]:
        """The classes of the lowest share, of those that have errors; of equal ones the larger first."""
        wrong = np.flatnonzero(self.shares < 1)  # NaN is not
        return [int(number) for number in wrong[np.lexsort((-self.images[wrong], self.shares[wrong]))][:CONFUSED]]

    def errors(self, number: int) -> tuple[int, np.ndarray]:
        """What a class is taken for most, and which of the questions these are."""
        wrong = np.flatnonzero((self.labels == number) & (self.predicted != number))
        taken = int(np.bincount(self.predicted[wrong]).argmax())
        return taken, wrong[self.predicted[wrong] == taken]


def panel(source: Source, named: Sequence[tuple[str, Answers]]) -> list[ET.Element]:
    """named: the answers of each checkpoint, to the same questions."""
    counted = [(name, Counts(answers)) for name, answers in named]
    confused = (_confusions(source, name, counts) for name, counts in counted)
    return [_bars(counted), *(each for each in confused if each is not None)]


def _bars(counted: Sequence[tuple[str, Counts]]) -> ET.Element:
    first = counted[0][1]
    answers, images, labels = first.answers, first.images, first.labels
    present = np.flatnonzero(images)
    mean = np.mean([counts.shares_of(present, labels) for _, counts in counted], axis=0)
    order = present[np.argsort(mean, kind="stable")]
    which = f"all {len(order):,}"
    if len(order) > WORST + BEST:
        which = f"the {WORST} lowest and {BEST} highest of {len(order):,}"
        order = np.concatenate([order[:WORST], order[-BEST:]])
    shares = np.stack([counts.shares_of(order, labels) for _, counts in counted], 1)  # [classes, checkpoints]
    rows = [
        tag(
            "tr",
            tag("th", answers.name(number)),
            tag("td", f"{images[number]:,}", class_="number"),
            *(tag("td", _bar(100 * share)) for share in of_class),
        )
        for number, of_class in zip(order, shares)
    ]
    head = tag("tr", tag("th", "class"), tag("th", "pictures"), *(tag("th", name) for name, _ in counted))
    told = f"Share of each class that is right: {which} classes that have pictures"
    return tag("details", tag("summary", told), tag("table", head, *rows, class_="bars"))


def _bar(percent: float) -> ET.Element:
    filled = tag("span", style=f"width:{percent:.1f}%", class_="filled")
    return tag("span", tag("span", filled, class_="bar"), f" {percent:.0f}%")


def _confusions(source: Source, name: str, counts: Counts) -> ET.Element | None:
    answers = counts.answers
    rows = []
    for number in counts.worst():
        taken, which = counts.errors(number)
        told = f"{answers.name(number)}, taken for {answers.name(taken)}"
        shown = [picture(source, int(answers.asked[place]), told) for place in which[:PICTURES]]
        share = f"{counts.shares[number]:.0%} of {counts.images[number]:,} right"
        most = f"{len(which):,} taken for {answers.name(taken)}"
        rows.append(tag("tr", tag("th", answers.name(number)), tag("td", share), tag("td", most), tag("td", *shown)))
    if not rows:
        return None
    told = f"{name}: the worst classes, and what each is taken for most"
    return tag("details", tag("summary", told), tag("table", *rows))
