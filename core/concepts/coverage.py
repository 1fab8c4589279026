"""Which classes a data set speaks of, and which concepts two data sets share (UniCL D.1, D.2: Tables 10, 11)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tandemclip.core.concepts.concept import of_class, parts
from tandemclip.core.concepts.pool import Pool


@dataclass(frozen=True)
class Coverage:
    """counts: {class: how often it appears as a concept, 0 where it is none}. mentions: {class: how many noun phrases
    have its words side by side, rare ones too}: "brick" is mentioned in "brick wall", without being a concept.
    """

    counts: dict[str, int]
    mentions: dict[str, int]

    @property
    def percent(self) -> float:
        """Of the classes that are concepts of the data set: UniCL's coverage ratio."""
        return _percent(self.counts)

    @property
    def percent_mentioned(self) -> float:
        return _percent(self.mentions)


def coverage(pool: Pool, classes: Sequence[str]) -> Coverage:
    """classes: their names. Two names that are one concept ("dog", "dogs") are counted each."""
    forms = {name: of_class(name) for name in classes}
    longest = max(len(form.split()) for form in forms.values())
    wanted, mentions = set(forms.values()), Counter()
    for found in (pool.phrases, pool.classes):
        for phrase, times in found.items():
            for part in wanted.intersection(parts(phrase, longest)):
                mentions[part] += times
    return Coverage(
        {name: pool.concepts.get(form, 0) for name, form in forms.items()},
        {name: mentions[form] for name, form in forms.items()},
    )


def overlap(pools: Sequence[Pool], top: int) -> dict[str, dict[str, float]]:
    """{name: {other: percent}}: of the most frequent `top` concepts of one, those that are among the other's.

    Where both have so many, it is the same in either direction.
    """
    tops = {pool.name: pool.top(top) for pool in pools}
    share = lambda own, others: 100 * len(own & others) / len(own) if own else 0.0
    return {name: {other: share(own, tops[other]) for other in tops} for name, own in tops.items()}


def _percent(counts: dict[str, int]) -> float:
    return 100 * sum(count > 0 for count in counts.values()) / len(counts)
