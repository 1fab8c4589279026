"""What a scene of digits shows and what its texts say about it, before anything is drawn."""

from dataclasses import dataclass

import numpy as np

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
COLORS = ("red", "green", "blue", "yellow", "cyan", "pink", "white", "orange")
# What web captions carry beside the content; none of it tells scenes apart.
IRRELEVANT = (
    "photo of the day", "best price online", "click to enlarge", "free shipping",
    "stock image", "image result for", "in high quality", "new for sale",
)  # fmt: skip


@dataclass(frozen=True)
class Square:
    """Where a digit stands, in pixels."""

    top: int
    left: int
    side: int


@dataclass(frozen=True)
class Digit:
    """image: which handwriting. phrase: the words for it, its digit the last, e.g. "red seven"."""

    image: int
    digit: int
    color: int
    square: Square
    phrase: str


@dataclass(frozen=True)
class Plan:
    """A scene's digits, its texts, and its defects in the picture and in the list of objects."""

    digits: tuple[Digit, ...]
    caption: str
    summary: str
    lists_objects: bool
    clutter: int | None  # colour of a region that no text mentions


def plan(rng, labels: np.ndarray, *, size: int, colors: int, digits: int, size_words: bool, noise: float) -> Plan:
    """Draws a scene. labels: [M], the digit that each image of the handwriting shows. The rest: see `scenes.Scenes`."""
    total = int(rng.integers(1, digits + 1))
    large = rng.random(total) < 0.5
    squares = _squares(rng, _sides(rng, large, size_words), size)
    things: list[Digit] = []
    while len(things) < total:
        image, color = int(rng.integers(len(labels))), int(rng.integers(colors))
        place, digit = len(things), int(labels[image])
        if any((thing.digit, thing.color) == (digit, color) for thing in things):
            continue  # two equal ones would share one phrase
        words = ("large " if large[place] else "small ") if size_words else ""
        things.append(Digit(image, digit, color, squares[place], f"{words}{COLORS[color]} {DIGITS[digit]}"))
    redundant, missing, irrelevant = rng.random(3) < noise
    in_text = rng.random() < 0.5 and total > 1  # where there is one digit only, the list of objects is what can miss it
    omitted = int(rng.integers(total)) if missing and in_text else None
    caption, summary = _texts([thing.phrase for place, thing in enumerate(things) if place != omitted])
    if redundant:
        words = IRRELEVANT[rng.integers(len(IRRELEVANT))]
        caption = f"{words} {caption}" if rng.random() < 0.5 else f"{caption} {words}"
    unused = [color for color in range(len(COLORS)) if color not in {thing.color for thing in things}]
    clutter = int(rng.choice(unused)) if irrelevant else None
    return Plan(tuple(things), caption, summary, lists_objects=not (missing and not in_text), clutter=clutter)


def _texts(phrases: list[str]) -> tuple[str, str]:
    """-> ("a red seven and an orange two", "red seven and orange two")"""
    return " and ".join(map(with_article, phrases)), " and ".join(phrases)


def with_article(phrase: str) -> str:
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def _sides(rng, large: np.ndarray, size_words: bool) -> list[float]:
    """The side of each digit's square, as a share of the picture's."""
    if len(large) > 1:
        return [0.36 if size_words and not big else 0.5 for big in large]
    share = rng.random()
    if not size_words:
        return [0.5 + 0.3 * share]
    return [0.68 + 0.12 * share if large[0] else 0.5 + 0.12 * share]


def _squares(rng, sides: list[float], size: int) -> list[Square]:
    """Squares of these sides that do not overlap: each within a cell of its own, the cells in random order."""
    if len(sides) == 1:
        cells, height, width = [(0.0, 0.0)], 1.0, 1.0
    elif len(sides) == 2 and rng.random() < 0.5:  # side by side, free up and down
        cells, height, width = [(0.0, 0.0), (0.0, 0.5)], 1.0, 0.5
    elif len(sides) == 2:
        cells, height, width = [(0.0, 0.0), (0.5, 0.0)], 0.5, 1.0
    else:
        cells, height, width = [(0.0, 0.0), (0.0, 0.5), (0.5, 0.0), (0.5, 0.5)], 0.5, 0.5
    squares = []
    for cell, side in zip(rng.permutation(len(cells)), sides):
        top, left = cells[cell]
        down, right = rng.random(2) * (height - side, width - side)
        squares.append(Square(int((top + down) * size), int((left + right) * size), int(side * size)))
    return squares
