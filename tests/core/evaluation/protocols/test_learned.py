"""What is held out is drawn, of the size that is asked for, and leaves something of every class."""

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.sources.first import First
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.few_shot import FewShot
from tandemclip.core.evaluation.protocols.k_nearest import KNearest
from tandemclip.core.evaluation.protocols.learned import (
    Labelled,
    held_out,
    on_same,
    on_unlearned,
    on_validation,
    places_in,
)
from tandemclip.core.evaluation.protocols.linear_probe import LinearProbe
from tandemclip.core.evaluation.protocols.parametric_probe import ParametricProbe
from tandemclip.core.evaluation.protocols.rows import Rows
from tandemclip.core.serving.model import Model
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.config import read
from tandemclip.core.training.update import AdamW


@pytest.mark.parametrize("share, held", [(0.1, 4), (0.2, 8), (0.001, 1)])
def test_a_share_is_held_out_and_every_class_stays(share, held):
    labels = np.array([7] + [3] * 20 + [5] * 20)
    rest, other = held_out(labels, share, "test")
    assert len(other) == held and sorted([*rest, *other]) == list(range(41)) and list(rest) == sorted(rest)
    assert 0 in rest and set(labels[rest]) == {3, 5, 7}
    again, differently = held_out(labels, share, "test")[1], held_out(labels, share, "another")[1]
    assert np.array_equal(again, other) and (held == 1 or not np.array_equal(differently, other))


def test_of_pictures_with_several_classes_each_class_stays():
    present = np.zeros((30, 4), np.int8)
    present[:, 0], present[4, 1], present[5, 2], present[9] = 1, 1, 1, -1  # class 3 is nowhere
    for number in range(20):
        rest, other = held_out(present, 0.8, f"test {number}")
        assert {4, 5} <= set(rest) and len(other) == 24


def test_too_little_to_hold_out_is_said():
    with pytest.raises(UserError, match="the test has 3 records of 3 classes .* and more records than classes"):
        held_out(np.arange(3), 0.5, "test")
    with pytest.raises(UserError, match="the test has 9 records of 1 classes"):
        held_out(np.zeros(9, int), 0.5, "test")


def test_those_with_a_class_are_known():
    features = np.arange(8.0).reshape(4, 2)
    known = Labelled(Rows.of(features), np.array([2, -1, 0, -1])).known
    assert known.truth.tolist() == [2, 0] and np.array_equal(known.features, features[[0, 2]])
    several = Labelled(Rows.of(features), np.array([[0, -1], [-1, -1], [-1, 1], [0, 0]], np.int8))
    assert several.known.truth.tolist() == [[0, -1], [-1, 1], [0, 0]] and several.multi_label and not known.multi_label


def test_sources_that_cannot_be_compared_are_refused():
    class Nameless(Scenes):
        class_names = ()

    with pytest.raises(UserError, match="0 classes are learned and 10 others asked"):
        places_in(Scenes(), Nameless())

    class Several(Scenes):
        multi_label = True

    with pytest.raises(UserError, match="pictures of one of two sources have several classes"):
        places_in(Scenes(), Several())


def test_classes_without_a_picture_to_learn_from_are_counted():
    learned, asked = np.array([0, 2, 2, -1]), np.array([1, 1, 2, 4, -1])
    told = (
        "2 of the 3 classes that are asked about are in none of the pictures that are learned from, such as {}, and 3 "
    )
    assert on_unlearned(learned, asked, tuple("abcde")) == (told.format("'b'") + "pictures are of them",)
    assert on_unlearned(learned, asked, ()) == (told.format("number 1") + "pictures are of them",)
    assert on_unlearned(learned, np.array([0, 2, -1]), ()) == ()


LEARN, ASKED = Scenes(size=32, count=14, digits=1), Scenes(size=32, count=20, digits=1, split="held_out")


@pytest.fixture(scope="module")
def model(root):
    method = read(root / "configs" / "pretrain" / "tiny_supcon_swin.yaml")[0].method
    return Model(backends.load("torch")(method, initial_weights(method, 0), AdamW()), method, None)


@pytest.mark.parametrize(
    "protocol",
    [
        KNearest(ASKED, LEARN, k=2),
        LinearProbe(ASKED, LEARN),
        ParametricProbe(ASKED, LEARN),
        FewShot(ASKED, LEARN, shots=(1,), seeds=1),
    ],
)
def test_every_protocol_that_learns_tells_of_them(model, protocol):
    """Digits that are asked about, and that no picture of these few shows."""
    (told,) = on_unlearned(LEARN.labels(), ASKED.labels(), LEARN.class_names)
    assert "classes that are asked about" in told and told.endswith(" pictures are of them")
    for each in protocol.measure(model).values():
        assert told in each.remarks and not [remark for remark in each.remarks if "the very pictures" in remark]


# ------------------------------------------------------------------ the same pictures, and classes to choose on
SAME = "`{}` has the very pictures that are asked about, so that the figure tells nothing of new ones"


@pytest.mark.parametrize(
    "protocol, role",
    [
        (KNearest(LEARN, LEARN, k=2), "learn"),
        (LinearProbe(LEARN, LEARN), "learn"),
        (ParametricProbe(LEARN, LEARN), "learn"),
        (ParametricProbe(ASKED, LEARN, ASKED), "validation"),
        (FewShot(LEARN, LEARN, shots=(1,), seeds=1), "learn"),
        (FewShot(ASKED, LEARN, ASKED, shots=(1,), seeds=1), "validation"),
    ],
)
def test_pictures_that_are_learned_from_and_asked_about_are_told_once(model, protocol, role):
    for each in protocol.measure(model).values():
        assert [remark for remark in each.remarks if "the very pictures" in remark] == [SAME.format(role)]


def test_what_only_looks_alike_is_not_the_same():
    one, other = np.arange(8.0).reshape(4, 2), np.arange(8.0)[::-1].reshape(4, 2)
    made = lambda features, *truth: Labelled(Rows.of(features), np.array(truth))
    assert on_same("learn", made(one, 0, 1, 2, -1), made(one, 0, 1, 2, -1)) == (SAME.format("learn"),)
    assert on_same("learn", made(one, 0, 1, 2, -1), made(one, 0, 1, 2, 2)) == ()
    assert on_same("learn", made(one, 0, 1, 2, -1), made(other, 0, 1, 2, -1)) == ()


@pytest.mark.parametrize("protocol", [ParametricProbe, lambda *sources: FewShot(*sources, shots=(1,), seeds=1)])
def test_classes_without_a_picture_to_choose_on_are_told(model, protocol):
    one = First(LEARN, 1)
    count = len(set(LEARN.labels()))
    for each in protocol(ASKED, LEARN, one).measure(model).values():
        (told,) = [remark for remark in each.remarks if "`validation`, on which the strength" in remark]
        assert told.startswith(f"{count - 1} of the {count} classes that are learned are in none of the pictures of")


def test_of_pictures_with_several_classes_those_that_are_there_count():
    made = lambda *truth: Labelled(Rows.of(np.arange(2.0 * len(truth)).reshape(-1, 2)), np.array(truth, np.int8))
    learned, asked = made([1, 1, 0], [0, 0, 0]), made([1, 0, 1], [0, 1, 1], [1, 1, 1])
    (told,) = on_validation(made([1, 0, 1], [1, -1, 0]), learned, asked, ("cat", "dog", "cow"))
    assert told.startswith("1 of the 2 classes that are learned are in none") and told.endswith("such as 'dog'")
    assert on_validation(made([1, 0, 1], [1, 1, 0]), learned, asked, ()) == ()
