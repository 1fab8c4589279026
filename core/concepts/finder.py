"""Which of three finds the noun phrases: spaCy, textblob's tagger, or a rule that needs no package.

They do not find the same phrases, so that two counts are compared only where one finder made both. Its name and version
stand in every result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass


class Missing(Exception):
    """This finder cannot be had here; the text says why, and how to get it."""


@dataclass(frozen=True)
class Finder:
    """name: what finds them, with versions. find: captions -> the noun phrases of each, as they stand there."""

    name: str
    find: Callable[[Sequence[str]], Iterator[list[str]]]
