"""WordPiece: ids equal to those of transformers' BertTokenizer, files that say it in several ways, and training."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from transformers import BertTokenizer

from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.tokenizers import tokenizer as tokenizers
from tandemclip.core.data.tokenizers.tokenizer import WordPiece, identity_of
from tandemclip.core.data.tokenizers.wordpiece import WordPieceTokenizer
from tandemclip.core.data.tokenizers.wordpiece_files import has_vocabulary, read
from tandemclip.core.errors import UserError
from tandemclip.core.serving.reading import Reading
from tandemclip.tests.core.data.tokenizers.test_tokenizer import CAPTIONS, STRANGE

# the special tokens stand among the others, as in the released vocabularies
TOKENS = """[PAD] [unused0] [unused1] [UNK] [CLS] [SEP] [MASK] a red dog ##s ##og d cafe café Café ! , [ ] sep the quick
##er ##e x ##y A R Red 日 ##b b"""
PLAIN = "A red dogs café, the quicker xy! [SEP] 日本 Red"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(TOKENS.split()) + "\n", encoding="utf-8")
    return tmp_path


def ours_of(theirs, texts, length=77):
    """What BertTokenizer gives, in our arrays; where a text spells out a special token, its characters."""
    rows = theirs(texts, truncation=True, max_length=length, padding="max_length", split_special_tokens=True)
    return np.array(rows["input_ids"], np.int32)


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("accents", [None, True, False])
@pytest.mark.parametrize("chinese", [True, False])
def test_ids_are_those_of_bert_by_either_kind_of_file(folder, lowercase, accents, chinese):
    theirs = BertTokenizer(
        str(folder / "vocab.txt"), do_lower_case=lowercase, strip_accents=accents, tokenize_chinese_chars=chinese
    )
    theirs.save_pretrained(folder / "saved")
    told = {"do_lower_case": lowercase, "strip_accents": accents, "tokenize_chinese_chars": chinese}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    texts = [PLAIN, *STRANGE, *CAPTIONS]
    for place in (folder, folder / "vocab.txt", folder / "saved", folder / "saved" / "tokenizer.json"):
        found = read(place, None, lowercase)
        for length in (3, 6, 77):
            np.testing.assert_array_equal(found(texts, length), ours_of(theirs, texts, length))
        assert found.to_json() == read(folder, None, lowercase).to_json()


def test_ids_are_those_of_bert_on_many_captions(shared, tmp_path):
    """With a vocabulary that was trained on the half of them."""
    lines = (shared / "data" / "captions.txt").read_text(encoding="utf-8").splitlines()
    found = WordPieceTokenizer.train(lines[:5000], 2000)
    tokens = found.pieces(range(2000))
    assert len({*found.word_ids}) == 1995
    vocabulary = json.loads(found.to_json())["tokenizer"]["model"]["vocab"]
    (tmp_path / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.get)), encoding="utf-8")
    theirs = BertTokenizer(str(tmp_path / "vocab.txt"))
    np.testing.assert_array_equal(found(lines, 77), ours_of(theirs, lines))
    assert len(tokens) == 2000


def test_start_words_end_and_padding(folder):
    found = read(folder)
    ids = found(["a red dogs", "", "a red dogs the quick"], 6)
    assert ids.dtype == np.int32 and ids[0].tolist() == [4, 7, 8, 9, 10, 5] and ids[1].tolist() == [4, 5, 0, 0, 0, 0]
    assert ids[2].tolist() == ids[0].tolist()  # cut at its end
    assert (found.vocab_size, found.start, found.end, found.pad, found.unknown) == (len(TOKENS.split()), 4, 5, 0, 3)
    assert found.word_ids.tolist() == list(range(7, len(TOKENS.split())))
    assert found.pieces(ids[0]) == ["[start]", "a", "red", "dog", "s", "[end]"]
    assert found.pieces([3, 0, found.vocab_size - 1]) == ["[UNK]", "", "b"]


def test_what_a_model_reads(folder):
    reading = Reading(read(folder), 5)
    texts = ["a red dog", "a red dogs", "zzz", "", "a zzz"]
    ids = reading.ids(texts)
    assert reading.cut(texts, ids).tolist() == [False, True, False, False, False]
    assert reading.wordless(ids).tolist() == [False, False, True, True, False]
    assert reading.unknown(ids).tolist() == [False, False, True, False, True]


def test_training_gives_the_same_vocabulary_in_every_process():
    code = (
        "import sys; from tandemclip.core.data.tokenizers.tokenizer import *; from tandemclip.core.data.scenes.scenes "
        "import Scenes; sys.stdout.write(build(WordPiece(120), Scenes(count=300, noise=0.5)).to_json())"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env=os.environ | {"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert answers == {tokenizers.build(WordPiece(120), Scenes(count=300, noise=0.5)).to_json().encode()}


def test_a_trained_vocabulary_spells_every_word_of_its_captions():
    found = WordPieceTokenizer.train([*CAPTIONS, "Unhørt"], 80)
    ids = found([*CAPTIONS, "sevenred ten"], 40)
    assert (ids != found.unknown).all() and found.unknown in found(["q"], 40)
    pieces = found.pieces(ids[0])
    assert "".join(pieces[1 : pieces.index("[end]")]) == "aredsevenandabluetwo."
    assert len(pieces) - pieces.count("") < len(CAPTIONS[0])  # parts are longer than a letter
    cased = WordPieceTokenizer.train([*CAPTIONS, "Unhørt"], 80, lowercase=False)
    assert (cased(["A"], 4) != cased(["a"], 4)).any() and (found(["A"], 4) == found(["a"], 4)).all()


def test_the_least_vocabulary_has_every_letter_at_both_places():
    letters = {letter for caption in CAPTIONS for letter in caption.lower() if letter != " "}
    least = 5 + 2 * len(letters)
    found = WordPieceTokenizer.train(CAPTIONS, least)
    ids = found([*letters, *(f"a{letter}" for letter in letters if letter.isalpha())], 5)
    assert (ids != found.unknown).all() and found.vocab_size == least
    with pytest.raises(UserError, match=f"vocab_size is {least - 1}, but the different characters .* need {least}"):
        WordPieceTokenizer.train(CAPTIONS, least - 1)


def test_json_and_pickle_bring_the_same_tokenizer_back(folder):
    for tokenizer in (read(folder, 40), WordPieceTokenizer.train(CAPTIONS, 80)):
        texts = [*CAPTIONS, PLAIN, ""]
        for copy in (tokenizers.from_json(tokenizer.to_json()), pickle.loads(pickle.dumps(tokenizer))):
            np.testing.assert_array_equal(copy(texts, 12), tokenizer(texts, 12))
            assert (copy.vocab_size, copy.start, copy.end) == (tokenizer.vocab_size, tokenizer.start, tokenizer.end)
            assert identity_of(copy) == identity_of(tokenizer)


def test_a_configuration_names_it(folder):
    source = Scenes(count=10)
    found = tokenizers.build(WordPiece(40, str(folder)), source)
    assert found.vocab_size == 40 and (found(["a red"], 5) == read(folder)(["a red"], 5)).all()  # ids to spare
    assert tokenizers.build(WordPiece(120), source).vocab_size == 120
    assert WordPiece(120).named() is None and not WordPiece(120).end_is_highest
    assert has_vocabulary(folder) and not has_vocabulary(folder.parent)


def test_equal_vocabularies_are_one_wherever_they_lie(folder, tmp_path):
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(tmp_path / "moved")
    assert identity_of(read(folder)).sha256 == identity_of(read(tmp_path / "moved")).sha256
    (folder / "vocab.txt").write_text("\n".join([*TOKENS.split()[:-1], "c"]), encoding="utf-8")
    assert identity_of(read(folder)).sha256 != identity_of(read(tmp_path / "moved")).sha256


def refused(call, *words):
    with pytest.raises(UserError) as caught:
        call()
    assert "\n" not in str(caught.value) and all(word in str(caught.value) for word in words), caught.value


def test_what_is_no_vocabulary_of_bert_is_refused(folder, tmp_path):
    def attempt(tokens, *words):
        (folder / "vocab.txt").write_text("\n".join(tokens), encoding="utf-8")
        refused(lambda: read(folder, 40), *words)

    attempt(["[PAD]", "[UNK]", "a"], "3 tokens without [CLS], [SEP]", "vocab.txt")
    attempt(["a", "[PAD]", "[UNK]", "[CLS]", "[SEP]"], "[PAD] has the id 1, expected 0")
    attempt(
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz0123456789,"], "41 ids, the config says 40"
    )
    (folder / "vocab.txt").write_bytes(b"[PAD]\n\xff\n")
    refused(lambda: read(folder), "vocab.txt", "line 2")
    refused(lambda: read(tmp_path / "none.txt"), "none.txt cannot be read", "to train a vocabulary")
    (tmp_path / "empty").mkdir()
    refused(lambda: read(tmp_path / "empty"), "neither tokenizer.json nor vocab.txt")
    refused(lambda: WordPieceTokenizer.train(CAPTIONS, 20), "vocab_size is 20", "raise it")
    refused(lambda: WordPieceTokenizer.train([], 20), "no captions", "`file`")
    refused(lambda: WordPieceTokenizer.train(CAPTIONS, 80)("a", 4), "expected a list of texts")
    refused(lambda: tokenizers.from_json('{"kind": "wordpiece"}'), "cannot be used", "WordPieceTokenizer.to_json")


def test_the_configuration_says_what_the_files_do(folder):
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    refused(lambda: WordPiece(40, str(folder)).named(), "made with lowercase false", "set lowercase: false")
    assert WordPiece(40, str(folder), lowercase=False).named().unknown == 3
    (folder / "tokenizer_config.json").write_text("[]")
    refused(lambda: read(folder), "tokenizer_config.json holds no object")
    (folder / "tokenizer_config.json").unlink()  # where no file says it, the configuration does
    small, cased = (WordPiece(40, str(folder), lowercase=small).named()(["Red"], 4) for small in (True, False))
    assert small[0, 1] == 8 and cased[0, 1] == TOKENS.split().index("Red")


def test_another_tokenizer_in_json_is_refused(folder):
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder / "saved")
    file = folder / "saved" / "tokenizer.json"
    told = json.loads(file.read_text(encoding="utf-8"))
    for change, words in (
        ({"model": told["model"] | {"type": "BPE"}}, ["describes BPE, BertNormalizer, BertPreTokenizer"]),
        ({"normalizer": None}, ["describes WordPiece, None, BertPreTokenizer"]),
        ({"model": told["model"] | {"continuing_subword_prefix": "@@"}}, ["the marks ('[UNK]', '@@')"]),
        ({"added_tokens": [*told["added_tokens"], {"id": 99, "content": "<new>"}]}, ["beside its vocabulary (<new>)"]),
    ):
        file.write_text(json.dumps(told | change), encoding="utf-8")
        refused(lambda: read(file), *words, "tokenizer.json")
    file.write_text("{", encoding="utf-8")
    refused(lambda: read(file), "no JSON", "tokenizer.json")
