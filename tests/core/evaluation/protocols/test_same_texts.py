"""Classes that are one text to a model are told."""

import logging

import pytest

from tandemclip.core.data.tokenizers.clip import ClipTokenizer
from tandemclip.core.data.tokenizers.trained import TrainedTokenizer
from tandemclip.core.evaluation.protocols.same_texts import same_texts, warn_of_same_texts

LONG = "a photo that somebody took on a nice and sunny day in the park of a {}."


def prompts(names, *templates):
    return [[template.format(name) for template in templates] for name in names]


@pytest.mark.parametrize("names, templates, length, same", [
    (["cat", "dog", "Cat"], ["a {}.", "{}"], 12, [[0, 2]]), (["cat", "dog"], ["a {}."], 12, []),
    (["cat", "dog", "cow"], [LONG], 12, [[0, 1, 2]]), (["cat", "dog", "cow"], [LONG], 40, []),
    (["cat", "dog"], [LONG, "{}"], 12, []), (["a", "b", "A", "B"], ["{}"], 9, [[0, 2], [1, 3]]),
    (["cat"], ["{}"], 9, []),
])  # fmt: skip
def test_equal_token_ids_are_found(names, templates, length, same):
    assert same_texts(ClipTokenizer(), length, prompts(names, *templates)) == same


def test_names_outside_the_vocabulary_are_told(caplog):
    tokenizer = TrainedTokenizer.train(["a photo of a red wall"] * 5, 12)
    with caplog.at_level(logging.WARNING):
        warn_of_same_texts(tokenizer, 12, prompts(["red", "wall"], "a photo of a {}"))
        assert not caplog.text
        warn_of_same_texts(tokenizer, 12, prompts(["red", "猫", "犬"], "a photo of a {}"))
    assert (
        "2 of 3 classes have the same texts as another to the model, such as 'a photo of a 猫' (class 1)" in caplog.text
    )
