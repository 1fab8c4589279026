"""The pointing game: what hits, whom it asks, and what stands beside it."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from tandemclip.core.data.records import BrokenRecord, Object, Record
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.views.image import CentreView
from tandemclip.core.errors import UserError
from tandemclip.core.pictures.grad_cam import grad_cam
from tandemclip.core.pictures.pointing import Question, hit, pointing_game, questions, shuffled
from tandemclip.core.pictures.retrieved import seen
from tandemclip.core.random import generator
from tandemclip.tests.core.pictures.small import small_model

ASKED = Question(0, "a", frozenset("ab"), (0.0, 0.0, 0.5, 0.5), ((0.25, 0.25, 1.0, 1.0),))


def largest_at(row, column):
    heat = np.zeros((4, 4))
    heat[row, column] = 0.1
    return heat


@pytest.mark.parametrize(
    "place, right",
    [((0, 0), 1), ((0, 1), 1), ((1, 0), 1), ((1, 1), 0), ((0, 2), 0), ((3, 3), 0)],  # (1, 1) lies in the other box too
)
def test_it_hits_in_its_own_box_and_in_no_other(place, right):
    assert hit(largest_at(*place), ASKED) == right


def test_equal_places_share():
    assert hit(np.ones((4, 4)), ASKED) == 3 / 16 and hit(np.zeros((4, 4)), ASKED) == 3 / 16
    assert hit(largest_at(0, 0) + largest_at(3, 3), ASKED) == 1 / 2


@pytest.mark.parametrize("size, right", [((1, 1), 0), ((2, 2), 0.25), ((2, 6), 3 / 12), ((6, 6), 9 / 36)])
def test_a_cell_lies_in_a_box_by_its_middle(size, right):
    """Edges: (0.5, 0.5), the middle of the only cell, is the box's end and no more in it."""
    assert hit(np.ones(size), replace(ASKED, others=())) == right


# ------------------------------------------------------------------ whom it asks
@dataclass(frozen=True)
class Annotated(Source):
    """Pictures of 20 x 40 (height x width) with the boxes that are given: a list of (phrase, box) a record."""

    things: tuple[tuple[tuple[str, tuple[float, ...]], ...] | None, ...]

    def __len__(self):
        return len(self.things)

    def __getitem__(self, index):
        if self.things[index] is None:
            raise BrokenRecord(f"record {index}", "it is broken: for this test")
        objects = tuple(Object(box, phrase) for phrase, box in self.things[index])
        return Record(f"record {index}", np.zeros((20, 40, 3), np.uint8), objects=objects)

    def texts(self, limit):
        yield from ()


LEFT, MIDDLE, RIGHT = (0.0, 0.0, 0.2, 1.0), (0.3, 0.5, 0.5, 1.0), (0.5, 0.0, 0.7, 1.0)
VIEW = CentreView(20)  # sees the middle half of such a picture: 0.25 to 0.75 of its width


def test_boxes_are_those_of_what_the_model_sees():
    (asked,), passed = questions(Annotated(((("a", MIDDLE), ("b", RIGHT)),)), VIEW, 5)
    wanted = {"a": (0.1, 0.5, 0.5, 1.0), "b": (0.5, 0.0, 0.9, 1.0)}
    assert asked.own == pytest.approx(wanted[asked.phrase])
    assert [each == pytest.approx(wanted[next(iter(asked.phrases - {asked.phrase}))]) for each in asked.others] == [
        True
    ]
    assert asked.number == 0 and not passed


def test_who_cannot_be_asked_is_counted():
    both = (("a", MIDDLE), ("b", RIGHT))
    things = ((("a", MIDDLE),), both, (("a", MIDDLE), ("b", LEFT)), None, (("a", MIDDLE), ("a", RIGHT)), both, both)
    asked, passed = questions(Annotated(things), VIEW, 2)
    assert [each.number for each in asked] == [1, 5]
    assert passed == {"they name fewer than two things that the model sees": 3, "it is broken": 1}


def test_a_phrase_of_two_things_asks_nothing_and_is_no_foreign_one():
    twice = (("a", MIDDLE), ("a", RIGHT), ("b", RIGHT))
    asked, passed = questions(Annotated((twice,) * 40), VIEW, 40)
    assert {each.phrase for each in asked} == {"b"} and len(asked) + passed.total() == 40
    assert all(len(each.others) == 2 for each in asked)


def test_of_scenes_either_digit_is_asked_for():
    scenes = Scenes(size=48, count=200, split="held_out")
    asked, passed = questions(scenes, CentreView(48), 30)
    assert len(asked) == 30 and passed.total() == asked[-1].number + 1 - 30
    places = [[thing.phrase for thing in scenes[each.number].objects].index(each.phrase) for each in asked]
    assert {0, 1} == {*places}
    assert all(len(each.phrases) == 2 and len(each.others) == 1 for each in asked)


def test_a_shuffled_query_names_nothing_in_its_picture():
    asked, _ = questions(Scenes(size=48, count=200, colors=2), CentreView(48), 40)
    foreign = shuffled(asked)
    assert not any(text in each.phrases for text, each in zip(foreign, asked))
    assert {*foreign} <= {each.phrase for each in asked}
    with pytest.raises(UserError, match="none is foreign to its picture; ask more records"):
        shuffled([ASKED, replace(ASKED, phrase="b")])


# ------------------------------------------------------------------ the figures
def test_the_figures_are_those_of_its_maps(root):
    model = small_model(root, "tiny_unicl_resnet")
    scenes = Scenes(size=32, count=60, split="held_out")
    found = pointing_game(model, scenes, 12)
    asked, _ = questions(scenes, model.method.inference_view(), 12)
    _, images = seen(model, scenes, [each.number for each in asked])
    shares = [hit(heat, each) for heat, each in zip(grad_cam(model, images, [e.phrase for e in asked]), asked)]
    assert found["grad_cam"].share == pytest.approx(np.mean(shares))
    constant = found["constant_map"]
    assert constant.share == pytest.approx(constant.guessing) and constant.guessing == found["grad_cam"].guessing
    assert {name: hits.queries for name, hits in found.items()} == dict.fromkeys(
        ("grad_cam", "constant_map", "shuffled_query"), 12
    )
    size = model.method.image.resolution // model.method.image.stride
    assert found["grad_cam"].remarks[0] == f"maps have {size} x {size} places"


def test_a_source_without_two_things_is_refused(root):
    with pytest.raises(UserError, match="0 of 5 records of Scenes name two things with boxes"):
        pointing_game(small_model(root, "tiny_clip_vit"), Scenes(size=32, count=5, digits=1), 5)


def test_two_records_are_enough(root):
    found = pointing_game(small_model(root, "tiny_clip_vit"), Scenes(size=48, count=2, split="held_out"), 2)
    assert {hits.queries for hits in found.values()} == {2}


def test_a_map_that_knows_is_right_and_one_that_does_not_is_at_chance():
    """Maps made of the boxes themselves, and random ones, of scenes."""
    asked, _ = questions(Scenes(size=48, count=900, split="held_out"), CentreView(48), 300)
    y, x = np.meshgrid((np.arange(12) + 0.5) / 12, (np.arange(12) + 0.5) / 12, indexing="ij")
    rng, right, random, chance = generator("knows"), [], [], []
    for each in asked:
        x1, y1, x2, y2 = each.own
        right.append(hit(-((x - (x1 + x2) / 2) ** 2) - (y - (y1 + y2) / 2) ** 2, each))
        random.append(hit(rng.random((12, 12)), each))
        chance.append(hit(np.ones((12, 12)), each))
    assert np.mean(right) == 1 and abs(np.mean(random) - np.mean(chance)) < 0.1
