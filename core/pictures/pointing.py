"""The pointing game (Zhang et al. 2016, arXiv:1608.00507, section 5.1): does a phrase's map point into its box?

A map hits where its largest place lies in the box of its own phrase and in no box of another phrase. Two maps that know
nothing stand beside it: a constant one, and that of a phrase of another picture.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from tandemclip.core.data.records import BrokenRecord, Record
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.views.image import CentreView
from tandemclip.core.errors import UserError
from tandemclip.core.hits import Hits
from tandemclip.core.pictures.grad_cam import grad_cam
from tandemclip.core.pictures.retrieved import seen
from tandemclip.core.random import generator
from tandemclip.core.serving.model import Model

Box = tuple[float, float, float, float]  # x1, y1, x2, y2 in 0..1 of what the model sees


@dataclass(frozen=True)
class Question:
    """Where is it? number: of the record. phrases: of all its objects, whose boxes are `own` and `others`."""

    number: int
    phrase: str
    phrases: frozenset[str]
    own: Box
    others: tuple[Box, ...]


def pointing_game(model: Model, source: Source, count: int, node: str | None = None) -> dict[str, Hits]:
    """Of the first `count` records that name two things and more, one phrase each, which is drawn. node: see
    `grad_cam`. UserError where fewer than two records do.
    """
    asked, passed = questions(source, model.method.inference_view(), count)
    if len(asked) < 2:
        raise UserError(
            f"{len(asked)} of {len(source)} records of {type(source).__name__} name two things with boxes, and a "
            "pointing game needs two such records; give another source, e.g. scenes digits=2"
        )
    _, images = seen(model, source, [each.number for each in asked])
    own = grad_cam(model, images, [each.phrase for each in asked], node)
    foreign = grad_cam(model, images, shuffled(asked), node)
    told = tuple(f"{number} records before the last are passed over: {why}" for why, number in passed.items())
    maps = {"grad_cam": own, "constant_map": np.ones_like(own), "shuffled_query": foreign}
    return {name: _hits(found, asked, told) for name, found in maps.items()}


def questions(source: Source, view: CentreView, count: int) -> tuple[list[Question], Counter[str]]:
    """The first `count`, and how many records before the last of them ask none, by the reason."""
    found, passed = [], Counter()
    for number in range(len(source)):
        if len(found) == count:
            break
        try:
            asked = _question(number, source[number], view)
        except BrokenRecord as error:
            asked = error.reason
        if isinstance(asked, Question):
            found.append(asked)
        else:
            passed[asked] += 1
    return found, passed


def _question(number: int, record: Record, view: CentreView) -> Question | str:
    """Of one of the record's phrases; or why it asks nothing."""
    boxes = [(thing.phrase, view.box(record.pixels, thing.box)) for thing in record.objects]
    inside = [(phrase, box) for phrase, box in boxes if box[0] < 1 and box[1] < 1 and box[2] > 0 and box[3] > 0]
    if len({phrase for phrase, _ in inside}) < 2:
        return "they name fewer than two things that the model sees"
    phrase, own = inside[generator("pointing", number).integers(len(inside))]
    others = tuple(box for other, box in inside if other != phrase)
    if sum(other == phrase for other, _ in inside) > 1:
        return "two of their things share the phrase that is drawn"
    return Question(number, phrase, frozenset(phrase for phrase, _ in inside), own, others)


def shuffled(asked: list[Question]) -> list[str]:
    """For each question the phrase of the next one behind it, in a circle, that names nothing in its own picture."""
    found = []
    for place, question in enumerate(asked):
        behind = [each.phrase for each in (*asked[place + 1 :], *asked[:place])]
        found.append(next((phrase for phrase in behind if phrase not in question.phrases), None))
    if None in found:
        raise UserError(
            "all phrases name the same few things, so that none is foreign to its picture; ask more records"
        )
    return found


def hit(heat: np.ndarray, question: Question) -> float:
    """[h, w] -> in [0, 1]: of the places where the map is largest, how many lie in the phrase's box and in no other."""
    right = _within(heat.shape, question.own)
    for other in question.others:
        right &= ~_within(heat.shape, other)
    return float(right[heat == heat.max()].mean())


def _within(size: tuple[int, int], box: Box) -> np.ndarray:
    """[h, w] bool: the cells whose middle lies in the box."""
    y, x = ((np.arange(count) + 0.5) / count for count in size)
    return ((box[1] <= y) & (y < box[3]))[:, None] & ((box[0] <= x) & (x < box[2]))[None]


def _hits(maps, asked, told) -> Hits:
    chance = np.array([hit(np.ones(maps.shape[1:]), question) for question in asked])
    right = np.array([hit(heat, question) for heat, question in zip(maps, asked)])
    blank = int((maps.max((1, 2)) == 0).sum())
    size = f"maps have {maps.shape[1]} x {maps.shape[2]} places"
    remarks = (size, *told, *([f"{blank} maps are zero everywhere, and point nowhere"] if blank else []))
    return Hits(right, np.ones(len(asked), int), 1.0, chance, remarks)
