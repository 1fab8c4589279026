"""One form for each concept."""

import pytest

from tandemclip.core.concepts.concept import IRREGULAR, concept, looks_plural, of_class, parts, singular, vocabulary


@pytest.mark.parametrize(
    "phrase, form",
    [
        ("a dog", "dog"),
        ("The dogs", "dog"),
        ("two black and white dogs", "black and white dog"),
        ("all them", ""),  # a pronoun says nothing
        ("the red one", "red one"),  # which may be a digit
        ("something", ""),
        ("3 men", "man"),
        ("their soccer balls", "soccer ball"),
        ("a man's t-shirt", "man's t-shirt"),
        ("a man’s hat", "man's hat"),
        ("grand_piano", "grand piano"),
        ("Éclairs", "éclair"),
        ("sports cars", "sports car"),  # the last word alone
        ("two", ""),
        ("", ""),
        (" , . ", ""),
    ],
)
def test_one_form(phrase, form):
    assert concept(phrase) == form


@pytest.mark.parametrize(
    "one, many",
    [
        ("dog", "dogs"),
        ("berry", "berries"),
        ("dress", "dresses"),
        ("dish", "dishes"),
        ("beach", "beaches"),
        ("box", "boxes"),
        ("tomato", "tomatoes"),
        ("house", "houses"),
        ("horse", "horses"),
        ("woman", "women"),
        ("fireman", "firemen"),
        ("child", "children"),
        ("person", "people"),
        ("shoe", "shoes"),
        ("bus", "buses"),
    ],
)
def test_singular(one, many):
    assert singular(many) == one and looks_plural(many)
    assert singular(one) == one and not looks_plural(one)


@pytest.mark.parametrize("noun", ["glass", "bus", "tennis", "gas", "pants", "specimen", "sunglasses", "series", "is"])
def test_what_only_looks_plural_stays(noun):
    assert singular(noun) == noun and not looks_plural(noun)


def test_a_concept_is_its_own_form():
    phrases = [
        f"{which} {noun}" for which in ("a", "two", "his") for noun in (*IRREGULAR, "dogs", "red boxes", "series")
    ]
    assert all(concept(concept(phrase)) == concept(phrase) for phrase in phrases)


def test_a_class_always_has_a_form():
    assert of_class("Grand_Pianos") == "grand piano"
    assert of_class("7") == "7" and of_class("two") == "two" and of_class("…") == "…"


def test_parts_are_all_runs_of_words_once():
    assert set(parts("a b c", 2)) == {"a", "b", "c", "a b", "b c"}
    assert sorted(parts("a a a", 9)) == ["a", "a a", "a a a"]
    assert list(parts("", 3)) == []


def test_vocabulary_is_of_words():
    assert vocabulary(["red dog", "red cat", "dog"]) == {"red", "dog", "cat"}
