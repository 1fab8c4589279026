"""What becomes of texts on their way into a model is told: cut, unknown, one and the same."""

import numpy as np
import pytest

from tandemclip.core.data.tokenizers.clip import ClipTokenizer
from tandemclip.core.data.tokenizers.trained import TrainedTokenizer
from tandemclip.core.evaluation.protocols.texts_read import of_captions, of_prompts, same_texts
from tandemclip.core.serving.reading import Reading

LONG = "a photo that somebody took on a nice and sunny day in the park of a {}."
SMALL = Reading(TrainedTokenizer.train(["a photo of a red wall"] * 5, 12), 8)


def prompts(names, *templates):
    return [[template.format(name) for template in templates] for name in names]


@pytest.mark.parametrize("names, templates, length, same", [
    (["cat", "dog", "Cat"], ["a {}.", "{}"], 12, [[0, 2]]), (["cat", "dog"], ["a {}."], 12, []),
    (["cat", "dog", "cow"], [LONG], 12, [[0, 1, 2]]), (["cat", "dog", "cow"], [LONG], 40, []),
    (["cat", "dog"], [LONG, "{}"], 12, []), (["a", "b", "A", "B"], ["{}"], 9, [[0, 2], [1, 3]]),
    (["cat"], ["{}"], 9, []),
])  # fmt: skip
def test_equal_token_ids_are_found(names, templates, length, same):
    texts = prompts(names, *templates)
    ids = Reading(ClipTokenizer(), length).ids([text for own in texts for text in own])
    assert same_texts(ids, [len(own) for own in texts]) == same


def test_classes_may_have_unequal_numbers_of_prompts():
    ids = np.array([[1, 2], [3, 4], [1, 2], [3, 4], [1, 2]])
    assert same_texts(ids, [2, 2, 1]) == [[0, 1]]


def test_names_outside_the_vocabulary_are_told():
    assert of_prompts(SMALL, prompts(["red", "wall"], "a photo of a {}")) == ()
    same, unknown = of_prompts(SMALL, prompts(["red", "猫", "犬"], "a photo of a {}"))
    told = "2 of 3 classes have the same texts as another to the model, such as 'a photo of a 猫' (class 1)"
    assert same.startswith(told)
    assert unknown == ("2 of 3 classes have texts with a word that the model does not know, such as 'a photo of a 猫'")
    assert len(of_prompts(SMALL, prompts(["red", "猫"], "a photo of a {}"))) == 1  # alone it can be told apart


@pytest.mark.parametrize("tokenizer", [ClipTokenizer(), SMALL.tokenizer], ids=["clip", "trained"])
def test_the_length_from_which_texts_are_cut(tokenizer):
    """Start and end take a place each, so that six words fill eight."""
    reading, texts = Reading(tokenizer, 8), ["red " * count for count in (1, 5, 6, 7, 30)]
    assert reading.cut(texts, reading.ids(texts)).tolist() == [False, False, False, True, True]
    assert not reading.cut(texts[:2], reading.ids(texts[:2])).any()


def test_prompts_that_are_cut_are_counted_by_class():
    texts = [["red", "red " * 7, "red " * 8], ["wall"], ["wall " * 9]]
    (told,) = of_prompts(SMALL, texts)
    assert len(of_prompts(SMALL, [["wall " * 999], ["red"]])[0]) < 250  # a line of a person's terminal
    assert told.startswith("2 of 3 classes have texts longer than the 8 tokens that the model reads, and cut, such as ")


def test_captions_that_a_model_cannot_use_are_told():
    captions = ["a red wall", "A RED WALL", "a wall", "猫", "  ", "a photo of a red wall again and again", "a wall"]
    owner = np.array([0, 1, 2, 3, 3, 5, 2])  # equal captions of one image are no trouble
    cut, wordless, same, alone = of_captions(SMALL, captions, owner, 7)
    assert cut.startswith(
        "1 of 7 captions are longer than the 8 tokens that the model reads, and cut, such as 'a photo"
    )
    assert wordless == "2 of 7 captions have no word that the model knows, such as '猫'"
    assert same == "2 of 7 captions are to the model the same as one of another image, such as 'a red wall'"
    assert alone == "2 of 7 images have no caption; they are candidates only"
    assert of_captions(SMALL, ["a red wall", "a wall"], np.array([0, 1]), 2) == ()
