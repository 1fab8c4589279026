"""Summaries by a T5: a tiny one with random weights, saved as anybody would save one."""

import numpy as np
import pytest
import torch

from tandemclip.core.data.sources.shard_writer import write_shard
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.errors import UserError
from tandemclip.tools import prepare

transformers = pytest.importorskip("transformers", reason="transformers is not installed: pip install transformers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    folder = tmp_path_factory.mktemp("t5")
    words = ["<pad>", "</s>", "<unk>", "summarize", ":", "a", "dog", "cat", "runs", "on", "the", "sand", "far", "away"]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.T5Config(
        vocab_size=len(words), d_model=16, d_kv=4, d_ff=32, num_layers=2, num_heads=4, decoder_start_token_id=0,
        pad_token_id=0, eos_token_id=1, initializer_factor=5.0,
    )  # fmt: skip
    transformers.T5ForConditionalGeneration(config).save_pretrained(folder)
    return str(folder)


def greedy(folder, text):
    """The likeliest next token, again and again, for one text alone."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.T5ForConditionalGeneration.from_pretrained(folder).eval()
    ids, said = torch.tensor([tokenizer(f"summarize: {text}")["input_ids"]]), [0]
    while len(said) <= 40 and said[-1] != 1:
        with torch.no_grad():
            said.append(int(model(input_ids=ids, decoder_input_ids=torch.tensor([said])).logits[0, -1].argmax()))
    return tokenizer.decode(said, skip_special_tokens=True).strip()


def test_each_text_is_summarised_as_if_alone(folder):
    from tandemclip.backends.torch.t5 import T5

    texts = ["a dog runs on the sand far away", "cat", "the cat runs"]
    found = T5(folder)(texts)
    assert found == [greedy(folder, text) for text in texts]
    assert len(set(found)) > 1 and all(np.array([len(text) for text in found]) > 0)


def test_the_tool_takes_it(folder, tmp_path):
    write_shard(
        tmp_path / "in" / "0.tar",
        [(f"{i}", {"jpg": b"", "txt": text.encode()}) for i, text in enumerate(("a dog", "cat"))],
    )
    given = ["--in", str(tmp_path / "in" / "0.tar"), "--out", str(tmp_path / "out"), "--model", folder]
    assert prepare.main(["summaries", *given]) == 0
    source = Shards(str(tmp_path / "out" / "0.tar"))
    assert [source[i].summary for i in range(2)] == [greedy(folder, text) for text in ("a dog", "cat")]


def test_a_folder_without_a_t5_is_named(tmp_path):
    from tandemclip.backends.torch.t5 import T5

    with pytest.raises(UserError, match="--model .*is no T5.*--model rules"):
        T5(str(tmp_path))
    with pytest.raises(UserError, match="nowhere"):
        T5(str(tmp_path / "nowhere"))
