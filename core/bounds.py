"""Numbers with bounds: the types of fields that a configuration sets.

`core/config/build.py` holds what it is given against them, and docs/configuration.md prints them. Python itself does
not: an object that is made in code may have any number that its class does not refuse.
"""

from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt, MinLen, Predicate

Count = Annotated[int, Ge(1)]
Natural = Annotated[int, Ge(0)]
Positive = Annotated[float, Gt(0)]
NotNegative = Annotated[float, Ge(0)]
Share = Annotated[float, Ge(0), Le(1)]
PositiveShare = Annotated[float, Gt(0), Le(1)]
BelowOne = Annotated[float, Ge(0), Lt(1)]  # how much of a moving average stays, or of a sum is lost
Counts = Annotated[tuple[Count, ...], MinLen(1)]
Depth = Annotated[int, Ge(1), Le(1000)]  # blocks in a row: each is made as an object, so a slip of the hand would hang
TextLength = Annotated[int, Ge(3)]  # ids: start, a word, end
Depths = Annotated[tuple[Depth, ...], MinLen(1)]


def ascending(pair: tuple[float, float]) -> bool:
    """the lower one first"""
    return pair[0] <= pair[1]


def share_or_whole(value: float) -> bool:
    """from 1 up a whole one"""
    return value < 1 or value == int(value)


Shares = Annotated[tuple[PositiveShare, PositiveShare], Predicate(ascending)]
Positives = Annotated[tuple[Positive, Positive], Predicate(ascending)]
