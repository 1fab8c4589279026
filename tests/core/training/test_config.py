"""What a configuration's sections say of each other: a text tower and the vocabulary that it reads."""

import pytest

from tandemclip.core.errors import UserError
from tandemclip.core.training.config import read


def read_with(root, name, text, tokenizer):
    overrides = {"method": {"text": text}, "data": {"tokenizer": tokenizer}}
    return read(root / "configs" / "pretrain" / f"{name}.yaml", overrides)[0]


def test_a_tower_that_ends_at_the_highest_id_refuses_a_vocabulary_that_does_not(root):
    with pytest.raises(UserError) as caught:
        read_with(root, "tiny_clip_vit", {"vocab_size": 120}, {"type": "wordpiece", "vocab_size": 120})
    told = str(caught.value)
    assert "method.text is a TextTransformer, which takes the highest id for the end of a text" in told
    assert "the vocabulary of a WordPiece" in told and "method.text.type=bert" in told


@pytest.mark.parametrize("tokenizer", ["trained", "wordpiece"])
def test_a_bert_reads_any_vocabulary(root, tokenizer):
    config = read_with(root, "tiny_unicl_bert", {"vocab_size": 130}, {"type": tokenizer, "vocab_size": 130})
    assert config.method.text.vocab_size == config.data.tokenizer.vocab_size == 130


def test_a_tower_has_as_many_ids_as_its_tokenizer(root):
    with pytest.raises(UserError, match="vocab_size is 120 and the tokenizer has 130 ids; set .*vocab_size=130"):
        read_with(root, "tiny_unicl_bert", {}, {"vocab_size": 130})
