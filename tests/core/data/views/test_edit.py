"""Synonym, swap and deletion: what each does, how often, and that no text becomes blank."""

from collections import Counter

import numpy as np
import pytest

from tandemclip.core.data.records import Record
from tandemclip.core.data.tokenizers.trained import TrainedTokenizer
from tandemclip.core.data.views.edit import STOP_WORDS, delete_words, edit, replace_word, swap_words
from tandemclip.core.data.views.text import TextView, WordEdit
from tandemclip.core.errors import UserError
from tandemclip.core.random import generator

KNOWN = {"dog": ["hound", "canis familiaris"], "big": ["large"], "a": ["ampere"]}


def synonyms(word):
    return KNOWN.get(word, [])


def many(function, runs=3000):
    rng = generator("edit")
    return Counter(" ".join(function(rng)) for _ in range(runs))


def shares(counted):
    return {text: count / counted.total() for text, count in counted.items()}


def test_one_word_of_those_that_have_synonyms_is_replaced():
    """Each word alike, each of its synonyms alike; "a" has one, and is left."""
    found = shares(many(lambda rng: replace_word("A big , grey dog".split(), synonyms, rng)))
    wanted = {"A large , grey dog": 1 / 2, "A big , grey hound": 1 / 4, "A big , grey canis familiaris": 1 / 4}
    assert found == pytest.approx(wanted, abs=0.03)


def test_the_same_word_is_replaced_everywhere_and_punctuation_stays():
    found = many(lambda rng: replace_word('Dog: "dog", dogs (DOG).'.split(), synonyms, rng))
    assert found.keys() == {
        'hound: "hound", dogs (hound).',
        'canis familiaris: "canis familiaris", dogs (canis familiaris).',
    }


@pytest.mark.parametrize("text", ["a the of", "zebra", "!!! ...", "é", "7"])
def test_no_word_to_replace(text):
    assert many(lambda rng: replace_word(text.split(), synonyms, rng), 20).keys() == {text}
    assert all(word == word.lower() for word in STOP_WORDS)


def test_two_words_change_places():
    found = shares(many(lambda rng: swap_words(["a", "b", "c"], rng)))
    assert found == pytest.approx({"b a c": 1 / 3, "c b a": 1 / 3, "a c b": 1 / 3}, abs=0.03)
    words = ["a", "b"]
    assert swap_words(words, generator(0)) == ["b", "a"] and words == ["a", "b"]
    assert swap_words(["one"], generator(0)) == ["one"]


def test_each_word_goes_with_its_chance_and_one_always_stays():
    found = shares(many(lambda rng: delete_words(["a", "b"], 0.1, rng), 8000))
    # both would go in 1 of 100: one of the two stays then
    assert found == pytest.approx({"a b": 0.81, "a": 0.095, "b": 0.095}, abs=0.012)
    assert shares(many(lambda rng: delete_words(["a", "b"], 1.0, rng))) == pytest.approx({"a": 0.5, "b": 0.5}, abs=0.03)
    assert delete_words(["one"], 1.0, generator(0)) == ["one"]


def test_a_text_gets_one_of_the_three():
    found = shares(many(lambda rng: [edit("big x", synonyms, rng)]))
    wanted = {"large x": 1 / 3, "x big": 1 / 3, "big x": 0.81 / 3, "big": 0.095 / 3, "x": 0.095 / 3}
    assert found == pytest.approx(wanted, abs=0.03)


@pytest.mark.parametrize("text", ["one", "a", "...", "dog", "two words", "dog dog", "  dog\n", "， 。"])
def test_no_text_becomes_blank(text):
    rng = generator("blank")
    assert all(edit(text, synonyms, rng).strip() for _ in range(300))


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_a_blank_text_stays(text):
    assert edit(text, synonyms, generator(0)) == text


# ------------------------------------------------------------------ as an option of a text's view
TEXT = "big dog chases red ball"
WORDS = TrainedTokenizer.train([f"{TEXT} large hound frump familiaris canis chase tail running"], 60)


def ids(text):
    return tuple(WORDS([text], 12)[0].tolist())


def drawn(view, record, seeds=60):
    return [view(record, np.random.default_rng(seed), WORDS) for seed in range(seeds)]


def test_a_view_edits_by_the_record_s_own_numbers(tmp_path, write_wordnet):
    change = WordEdit(str(write_wordnet(tmp_path)))
    view, plain = TextView("caption", 12, edit=change), TextView("caption", 12)
    record = Record("key", np.zeros((2, 2, 3), np.uint8), captions=(TEXT,))
    found = [tuple(each[""].tolist()) for each in drawn(view, record)]
    assert found == [tuple(each[""].tolist()) for each in drawn(view, record)]
    assert {tuple(each[""].tolist()) for each in drawn(plain, record)} == {ids(TEXT)}
    assert {ids("large dog chases red ball"), ids("big frump chases red ball")} <= {*found}
    assert len({*found}) > 12 and (view.arrays(), plain.arrays()) == (plain.arrays(), view.arrays())


def test_what_is_equal_is_decided_by_the_text_as_it_was(tmp_path, write_wordnet):
    change = WordEdit(str(write_wordnet(tmp_path)))
    record = Record("key", np.zeros((2, 2, 3), np.uint8), captions=(TEXT,))
    found = drawn(TextView("caption", 12, "texts", change), record)
    plain = drawn(TextView("caption", 12, "texts"), record, 1)[0]["_label"]
    assert len({each[""].tobytes() for each in found}) > 1
    assert all(np.array_equal(each["_label"], plain) for each in found)


def test_the_same_caption_is_drawn_with_and_without(tmp_path, write_wordnet):
    """So that a masked, an edited and a plain text of a record can be of one caption."""
    change = WordEdit(str(write_wordnet(tmp_path)))
    record = Record("key", np.zeros((2, 2, 3), np.uint8), captions=("red red red", "ball ball ball"))
    both = zip(drawn(TextView("caption", 12, edit=change), record), drawn(TextView("caption", 12), record))
    assert all(edited[""][1] == plain[""][1] for edited, plain in both)


def test_no_objects_give_an_empty_text_still(tmp_path, write_wordnet):
    change = WordEdit(str(write_wordnet(tmp_path)))
    record = Record("key", np.zeros((2, 2, 3), np.uint8))
    assert tuple(TextView("objects", 12, edit=change)(record, np.random.default_rng(0), WORDS)[""]) == ids("")


def test_no_wordnet_is_told_at_the_first_text(tmp_path):
    record = Record("key", np.zeros((2, 2, 3), np.uint8), captions=(TEXT,))
    for seed in range(5):  # also where no synonym is drawn
        with pytest.raises(UserError, match="no WordNet in"):
            TextView("caption", 12, edit=WordEdit(str(tmp_path)))(record, np.random.default_rng(seed), WORDS)
