"""Which classes of one list stand for which of another: by their names, and by what WordNet says that they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tandemclip.core.data.sources.class_names import folded
from tandemclip.core.data.views.wordnet import WordNet

NONE = -1


def by_name(own: Sequence[str], asked: Sequence[str]) -> np.ndarray:
    """[own] int: the number in `asked` of the class that has a name in common, NONE where there is none.

    Commas part the names of one class. Case, underscores and hyphens decide nothing. Of several classes of `asked` that
    have the name, it is the first.
    """
    number: dict[str, int] = {}
    for place, name in enumerate(asked):
        for each in names_of(name):
            number.setdefault(each, place)
    return np.array([next((number[name] for name in names_of(each) if name in number), NONE) for each in own], int)


def by_kind(own: Sequence[str], asked: Sequence[str], wordnet: WordNet) -> np.ndarray:
    """[own] int: as `by_name`; those without a name in common, the nearest class of `asked` that they are a kind of, of
    equally near ones the first.

    Names are taken in their commonest sense that all names of the class share.
    """
    found = by_name(own, asked)
    things: dict[int, int] = {}
    for place, name in enumerate(asked):
        if (thing := wordnet.thing(names_of(name))) is not None:
            things.setdefault(thing, place)
    for place in np.flatnonzero(found == NONE):
        thing = wordnet.thing(names_of(own[place]))
        kinds = {} if thing is None else wordnet.kinds(thing)
        near = {things[kind]: steps for kind, steps in kinds.items() if kind in things}
        if near:
            found[place] = min(near, key=lambda each: (near[each], each))
    return found


def names_of(name: str) -> list[str]:
    """All names of a class, as they are compared."""
    return [folded(each.replace("-", " ")) for each in name.split(",")]
