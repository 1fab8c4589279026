"""Which classes stand for which: by a common name, then by the nearest that they are a kind of."""

import pytest

from tandemclip.core.data.views.wordnet import WordNet
from tandemclip.core.evaluation.protocols.name_mapping import by_kind, by_name
from tandemclip.tests.core.data.views.small_wordnet import write

ASKED = ("airplane", "cat", "dog", "T-shirt", "Egyptian_cat", "dog")


@pytest.mark.parametrize(
    "own, place",
    [
        ("cat", 1),
        ("CAT ", 1),
        ("tabby, cat", 1),
        ("dog", 2),  # not the second of that name
        ("t shirt", 3),
        ("egyptian cat", 4),
        ("cats", -1),
        ("cat flap", -1),
        ("wildcat", -1),
        ("dog, cat", 2),  # of several names the first that is asked
        ("airliner", -1),
    ],
)
def test_by_name(own, place):
    assert by_name([own, "truck"], ASKED).tolist() == [place, -1]


@pytest.fixture(scope="module")
def animals(tmp_path_factory):
    nouns = [["animal"], ["cat"], ["tabby"], ["wildcat"], ["manx", "manx_cat"], ["dog"], ["pug"], ["catdog"], ["plane"]]
    kinds = {
        "cat": ["animal"], "tabby": ["cat"], "wildcat": ["cat"], "manx": ["tabby"], "dog": ["animal"], "pug": ["dog"],
        "catdog": ["dog", "cat"],
    }  # fmt: skip
    senses = {"noun": nouns} | {part: [["x"]] for part in ("verb", "adj", "adv")}
    return WordNet(write(tmp_path_factory.mktemp("wordnet"), {}, senses, kinds))


def test_by_kind(animals):
    own = ("Tabby", "pugs", "manx cat, manx", "animal", "plane", "truck", "catdog", "wildcat")
    assert by_kind(own, ("dog", "cat", "lorry"), animals).tolist() == [1, 0, 1, -1, -1, -1, 0, 1]
    assert by_kind(own, ("animal", "tabby"), animals).tolist() == [1, 0, 1, 0, -1, -1, 0, 0]  # the nearest
    assert by_kind(own, ("truck", "felines, cat"), animals).tolist() == [1, -1, 1, -1, -1, 0, 1, 1]


def test_a_common_name_goes_before_what_a_class_is(animals):
    assert by_kind(("tabby",), ("cat", "Tabby"), animals).tolist() == [1]
    assert by_kind(("who knows, pug",), ("dog", "who knows"), animals).tolist() == [1]
