"""Pool: the concepts of one data set, with how often each appears (UniCL 4.1, Table 1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from tandemclip.core.concepts.concept import concept, of_class, vocabulary
from tandemclip.core.concepts.finder import Finder
from tandemclip.core.concepts.said import OfLines, OfSource, Said
from tandemclip.core.data.account import Account
from tandemclip.core.errors import UserError

BATCH = 1000  # pictures whose captions a finder gets at once
MORE_THAN = 5  # UniCL: noun phrases "that appear more than 5 times"


@dataclass(frozen=True)
class Pool:
    """phrases: {concept: how often captions have it}, the rare ones too. classes: {concept: pictures of that class},
    where the data are labelled; each is a concept, however rare. images: None where nobody knows. captions: how many
    were read, and without_phrase: those of them in which none was found. more_than: how often a phrase must appear.
    """

    name: str
    images: int | None
    captions: int
    without_phrase: int
    phrases: Mapping[str, int]
    classes: Mapping[str, int]
    accounts: tuple[Account, ...]
    more_than: int = MORE_THAN

    @cached_property
    def concepts(self) -> dict[str, int]:
        """{concept: count}, the most frequent first; of equal ones by the alphabet."""
        often = {name: count for name, count in self.phrases.items() if count > self.more_than}
        found = Counter(often) + Counter(self.classes)
        return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))

    @cached_property
    def vocabulary(self) -> int:
        """How many words the concepts are made of."""
        return len(vocabulary(self.concepts))

    def top(self, count: int) -> set[str]:
        return set(islice(self.concepts, count))


def count(
    name: str,
    said: OfSource | OfLines,
    finder: Finder,
    more_than: int = MORE_THAN,
    advance: Callable[[int], None] = lambda count: None,
) -> Pool:
    """advance: is told how many samples were read since it was last told. UserError where none could be."""
    phrases, classes, captions, empty, images = Counter(), Counter(), 0, 0, 0
    for batch in _batches(said):
        texts = [caption for each in batch for caption in each.captions]
        for found in finder.find(texts):
            concepts = [each for each in map(concept, found) if each]
            phrases.update(concepts)
            empty += not concepts
        classes.update(of_class(each.class_name) for each in batch if each.class_name is not None)
        captions, images = captions + len(texts), images + len(batch)
        advance(len(batch))
    if not images:
        own = said.accounts[-1]
        why = "; ".join(f"{reason} ({named})" for reason, named in own.passed_over.items())
        raise UserError(f"{name}: none of the {own.all:,} {own.unit} can be used: {why}; give other data")
    return Pool(
        name, images if said.pictures else None, captions, empty, phrases, classes, said.accounts, more_than=more_than
    )


def _batches(said) -> Iterator[list[Said]]:
    samples = iter(said)
    while batch := list(islice(samples, BATCH)):
        yield batch
