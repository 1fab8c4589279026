"""A linear probe of few images a class: Radford et al. 2021, Figure 6.

It is the probe of `parametric_probe`, whose strength of L2 is searched for again at each number of images and in each
draw. It is chosen on as many images a class as are learned from, four at most, and does not learn from those: as
CoOp's code has it (Zhou et al. 2022, lpclip/linear_probe.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tandemclip.core.bounds import Count, Counts
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.classes import class_hits, hit_metrics, ranked
from tandemclip.core.evaluation.protocols.learned import (
    Labelled,
    called,
    class_count,
    labelled,
    on_same,
    on_unlearned,
    on_validation,
    places_in,
    refuse_multi_label,
)
from tandemclip.core.evaluation.protocols.logistic import Classifier, fit
from tandemclip.core.evaluation.protocols.probing import Chosen, choose, on_convergence
from tandemclip.core.hits import Hits
from tandemclip.core.random import generator
from tandemclip.core.training.evaluation import Evaluation

TO_CHOOSE = 4  # images a class at most that the strength is chosen on


@dataclass(frozen=True)
class FewShot(Evaluation):
    """All records of `source`, by a linear probe of few images a class: "4_shot/top1" is the mean over the draws.

    source: what is asked. learn: what images are drawn from; it has all classes of `source`, which are compared by
    name. validation: what those are drawn from that the strength of regularisation is chosen on; null: `learn`, which
    then lends half of a class's images at most. shots: images a class. seeds: draws of each; a draw of more images has
    those of fewer.
    """

    source: Source
    learn: Source
    validation: Source | None = None
    shots: Counts = (1, 2, 4, 8, 16)
    seeds: Count = 3

    def __post_init__(self):
        if len(set(self.shots)) < len(self.shots):
            raise ValueError(f"shots are {list(self.shots)}; name each number of images once")

    def metrics(self, method):
        refuse_multi_label("few_shot", self.source, self.learn)
        for each in (self.source, self.validation or self.learn):
            places_in(each, self.learn)
        return [_name(shots, metric) for shots in self.shots for metric in hit_metrics(class_count(self.learn))]

    def measure(self, model):
        refuse_multi_label("few_shot", self.source, self.learn)
        learn = labelled(model, self.learn, self.learn).known
        validation = None if self.validation is None else labelled(model, self.validation, self.learn).known
        asked, names, found = labelled(model, self.source, self.learn), self.learn.listed_classes, {}
        on_data = on_same("learn", learn, asked)
        if validation is not None:
            on_data += on_validation(validation, learn, asked, names)
        draws = [Draw.of(learn, validation, seed) for seed in range(self.seeds)]
        for shots in self.shots:
            runs = [_probe(*draw.of_size(shots)) for draw in draws]
            hits = [_hits(probe, asked, class_count(self.learn)) for _, probe in runs]
            told = (*draws[0].remarks(shots, names), *on_unlearned(learn.truth, asked.truth, names), *_on_fits(runs))
            told += on_data
            found |= {_name(shots, metric): mean([each[metric] for each in hits], told) for metric in hits[0]}
        return found


def _name(shots: int, metric: str) -> str:
    return f"{shots}_shot/{metric}"


@dataclass(frozen=True, eq=False)
class Draw:
    """One order of the images of each class. learn, validation: all that there are. first, held: [N] int, the place of
    each image within its class, of those to learn from and of those to choose by; -1: it is none of them.
    """

    learn: Labelled
    validation: Labelled
    first: np.ndarray
    held: np.ndarray

    @classmethod
    def of(cls, learn: Labelled, validation: Labelled | None, seed: int) -> Draw:
        first = places_within_classes(learn.truth, seed)
        if validation is not None:
            return cls(learn, validation, first, places_within_classes(validation.truth, seed))
        lent = np.minimum(TO_CHOOSE, np.bincount(learn.truth) // 2)[learn.truth]  # of each image's class
        return cls(learn, learn, np.maximum(first - lent, -1), np.where(first < lent, first, -1))

    def of_size(self, shots: int) -> tuple[Labelled, Labelled]:
        """What is learned from and what the strength is chosen on, with so many images a class."""
        held = (self.held >= 0) & (self.held < min(shots, TO_CHOOSE))
        if not held.any():
            raise UserError(
                "few_shot: there is no class with two images in `learn`, so that none is left to choose the strength "
                "of regularisation on; give `validation`"
            )
        return self.learn.take((self.first >= 0) & (self.first < shots)), self.validation.take(held)

    def remarks(self, shots: int, names: tuple[str, ...]) -> tuple[str, ...]:
        """On classes that have fewer images to learn from. Equal for all draws."""
        there = np.bincount(self.learn.truth)
        counts = np.bincount(self.learn.truth[self.first >= 0], minlength=len(there))
        few = np.flatnonzero((counts < shots) & (there > 0))
        if not len(few):
            return ()
        return (
            f"{len(few):,} of {np.sum(there > 0):,} classes have fewer than {shots} images to learn from, such as "
            f"{called(few[0], names)} with {counts[few[0]]}",
        )


def places_within_classes(labels: np.ndarray, seed: int) -> np.ndarray:
    """[N] int >= 0 -> [N] int: each image's place, from 0, in an order of its class that is drawn."""
    order = generator("few shot", seed).permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    counts = np.bincount(labels)
    places = np.empty(len(labels), int)
    places[by_class] = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    return places


def _probe(learned: Labelled, held: Labelled) -> tuple[Chosen, Classifier]:
    chosen = choose(learned, held)
    return chosen, fit(learned.features, learned.truth, chosen.strength)


def _hits(probe: Classifier, asked: Labelled, classes: int) -> dict[str, Hits]:
    return class_hits(ranked(probe.scores(asked.features, classes)), asked.truth, classes)


def _on_fits(runs: list[tuple[Chosen, Classifier]]) -> tuple[str, ...]:
    strengths = ", ".join(f"{chosen.strength:.3g}" for chosen, _ in runs)
    tried = [each for chosen, _ in runs for each in chosen.converged]
    return (f"the strength of L2 is {strengths}", *on_convergence(tried, [probe.converged for _, probe in runs]))


def mean(draws: list[Hits], remarks: tuple[str, ...]) -> Hits:
    """The hits of several draws on the same images as one, whose share is the mean of theirs. An image asks once a
    draw, and its answers count together: the interval is that of other images. The spread of the draws is a remark.
    """
    right, asked = (np.sum([getattr(each, part) for each in draws], axis=0) for part in ("right", "asked"))
    shares = [100 * each.share for each in draws]
    each = ", ".join(f"{share:.2f}" for share in shares)
    spread = f", a standard deviation of {np.std(shares, ddof=1):.2f}" if len(shares) > 1 else ""
    given = "1 draw gives" if len(draws) == 1 else f"{len(draws)} draws give"
    told = (f"{given} {each}{spread}", *remarks)
    return replace(draws[0], right=right, asked=asked, remarks=told, answers=None)
