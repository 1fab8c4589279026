"""The three finders of noun phrases. spaCy is none of the project's packages: a module with its interface stands in."""

import sys
import types

import pytest

from tandemclip.core.concepts import by_rule, by_textblob, finders
from tandemclip.core.concepts.concept import concept
from tandemclip.core.errors import UserError

CAPTIONS = {
    "A black and white dog is running after a brown dog in the snow .": ["black and white dog", "brown dog", "snow"],
    "A smiling man dressed in a purple shirt": ["smiling man", "purple shirt"],
    "Two men play soccer , and a skater jumps a ramp": ["man", "soccer", "skater", "ramp"],
    "Three children with red balls on the beach .": ["child", "red ball", "beach"],
    "A girl in red": ["girl"],
    "a red seven and a blue two": ["red seven", "blue two"],
    "a green zero": ["green zero"],
    "running": [],
    "": [],
    ". . .": [],
}


@pytest.mark.parametrize("caption", CAPTIONS)
@pytest.mark.parametrize("name", ["textblob", "rule"])
def test_phrases_of_captions(name, caption):
    if name == "textblob":
        pytest.importorskip("textblob")
    (found,) = finders.named(name).find([caption])
    assert [concept(each) for each in found] == CAPTIONS[caption]


@pytest.mark.parametrize(
    "tagged, found",
    [
        ("a/DT dog/NN jumps/NNS", ["dog"]),  # what the tagger takes for a noun
        ("the/DT dog/NN jumps/NNS", ["dog jumps"]),
        ("a/DT soccer/NN ball/NN", ["soccer ball"]),
        ("smiling/VBG man/NN", ["man"]),  # a verb, as nothing stands before it
        ("old/JJ smiling/VBG man/NN", ["old smiling man"]),
        ("red/JJ or/CC blue/JJ", []),
        ("red/JJ and/CC man/NN", ["man"]),
        ("New/NNP-LOC York/NNP-LOC", ["New York"]),
        ("a/DT red/JJ seven/CD", ["red seven"]),
        ("the/DT last/JJ two/CD dogs/NNS", ["dogs"]),
        ("seven/CD", []),
        ("two/CD smiling/VBG men/NNS", ["smiling men"]),
        ("", []),
    ],
)
def test_the_pattern_over_tags(tagged, found):
    assert by_textblob.phrases([tuple(each.split("/")) for each in tagged.split()]) == found


@pytest.mark.parametrize(
    "caption, found",
    [
        ("a man riding a bike", ["man", "bike"]),
        ("a boy plays guitar", ["boy", "guitar"]),
        ("a gas station", ["gas station"]),
        ("snow covered hill", ["snow covered hill"]),
        ("a man dressed in blue", ["man"]),
        ("the red building", ["red building"]),
        ("girls kick ball", ["girls", "ball"]),
        ("a smiling man", ["smiling man"]),
        ("smiling", []),
        ("a boy 's hat", ["boy", "hat"]),
        ("a black and white cat", ["black and white cat"]),
        ("a cat and dog", ["cat", "dog"]),
        ("3 cats", ["cats"]),
        ("a red seven", ["red seven"]),
        ("a dog two cats", ["dog", "cats"]),
        ("two red", []),
    ],
)
def test_the_rule(caption, found):
    assert by_rule.phrases(caption) == found


def test_the_rule_and_the_tagger_mostly_agree(shared):
    """83% of the concepts of 10,000 captions; here of 2,000."""
    pytest.importorskip("textblob")
    captions = (shared / "data" / "captions.txt").read_text().splitlines()[:2000]
    pools = []
    for name in ("textblob", "rule"):
        found = [concept(each) for phrases in finders.named(name).find(captions) for each in phrases]
        pools.append({each for each in found if each and found.count(each) > 5})
    one, other = pools
    assert len(one & other) > 0.75 * len(one | other) and len(one) > 100


class Document:
    def __init__(self, text):
        self.noun_chunks = [types.SimpleNamespace(text=part) for part in text.split(" / ")]


def spacy_module(*pipelines):
    """What of spaCy is used, with its names."""
    module = types.ModuleType("spacy")
    module.__version__ = "3.8"
    module.util = types.SimpleNamespace(get_installed_models=lambda: list(pipelines))
    pipeline = types.SimpleNamespace(pipe=lambda texts: map(Document, texts), meta={"version": "1.2"})
    module.load = lambda name, exclude: pipeline
    return module


def test_spacy_comes_first_where_it_has_an_english_pipeline(monkeypatch):
    monkeypatch.setitem(sys.modules, "spacy", spacy_module("de_core_news_sm", "en_web_b", "en_web_a"))
    finder, why = finders.best()
    assert finder.name == "spaCy 3.8 with en_web_a 1.2" and not why
    assert list(finder.find(["A dog / the grass", "x"])) == [["A dog", "the grass"], ["x"]]


def test_what_is_not_here_is_said_and_passed_over(monkeypatch):
    monkeypatch.setitem(sys.modules, "spacy", spacy_module("de_core_news_sm"))
    monkeypatch.setitem(sys.modules, "textblob.en", None)
    finder, why = finders.best()
    assert finder.name == "a rule of words" and len(why) == 2
    assert "python -m spacy download en_core_web_sm" in why[0] and "pip install textblob" in why[1]
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(UserError, match="noun phrases by spacy: the package spacy is not installed: pip install spacy"):
        finders.named("spacy")
