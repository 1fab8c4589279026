import html
import pickle
import random
import subprocess
import sys

import ftfy
import numpy as np
import pytest

from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.tokenizers import tokenizer as tokenizers
from tandemclip.core.data.tokenizers.clip import ClipTokenizer, clean
from tandemclip.core.data.tokenizers.tokenizer import ClipBpe, Trained
from tandemclip.core.data.tokenizers.trained import TrainedTokenizer
from tandemclip.core.errors import UserError

CAPTIONS = ["A red seven and a blue two.", "a green ONE", "an orange zero and a red seven", "a red two"]

STRANGE = [
    "",
    " ",
    "!",
    "it's they'LL we've I'd can't O'Neill's",
    "3.14159 and 2026-01-01",
    "naïve café Ünïcödé ÅNGSTRÖM",
    "emoji 🎉👩‍👩‍👧 ☃",
    "日本語のテキスト 한국어 العربية हिन्दी",
    "tabs\tand\r\nnew\u2028lines\x00\x07",
    "AT&amp;T &amp;amp; &lt;b&gt; &#39;x&#39; &eacute;",
    "â€œquotedâ€\x9d schÃ¶n",
    "“curly” ‘quotes’ — dash… ﬁne ①②½",
    "a" * 300,
    "supercalifragilisticexpialidocious " * 20,
    "x_y__z #hash @at $5 100% (a+b)*c",
    "ıİ ǅ ß ẞ",
    "\u200bzero\u200dwidth\ufeff",
    "١٢٣ Ⅷ",
    "\x1b[31mred\x1b[0m",
    "<end_of_texts",
    "&amp;amp;amp; <3 &amp;lt;",
]


@pytest.fixture(scope="module")
def theirs():
    return pytest.importorskip("open_clip.tokenizer").SimpleTokenizer()


def test_clip_ids_are_open_clips_on_ten_thousand_captions(shared, theirs):
    lines = (shared / "data" / "captions.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 10_000
    np.testing.assert_array_equal(ClipTokenizer()(lines, 77), theirs(lines, 77).numpy())


@pytest.mark.parametrize("context_length", [3, 16, 77])
def test_clip_ids_are_open_clips_on_strange_texts(theirs, context_length):
    ours = ClipTokenizer()
    for _ in range(2):  # the second time from the cache of words
        for text in STRANGE:
            np.testing.assert_array_equal(ours([text], context_length), theirs([text], context_length).numpy(), text)


def test_clip_ids_are_open_clips_on_random_characters(theirs):
    rng = random.Random(0)
    texts = [
        "".join(chr(rng.choice((rng.randrange(1, 256), rng.randrange(0x2000, 0x3100)))) for _ in range(40))
        for _ in range(300)
    ]
    np.testing.assert_array_equal(ClipTokenizer()(texts, 77), theirs(texts, 77).numpy())


def test_plain_texts_skip_a_repair_that_would_not_change_them():
    rng = random.Random(0)
    for _ in range(2000):
        text = "".join(rng.choice("aZ09 '\"<>;#&\\`~%\t") for _ in range(12))
        assert clean(text) == " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split()).lower()


def test_the_vocabularys_size_and_its_special_ids():
    tokenizer = ClipTokenizer()
    assert (tokenizer.vocab_size, tokenizer.start, tokenizer.end, tokenizer.pad) == (49408, 49406, 49407, 0)
    assert tokenizer(["a photo of a cat"], 10)[0].tolist() == [49406, 320, 1125, 539, 320, 2368, 49407, 0, 0, 0]
    assert max(tokenizer.encode("<start_of_text> <end_of_text>")) < tokenizer.start


@pytest.mark.parametrize("make", [ClipTokenizer, lambda: TrainedTokenizer.train(CAPTIONS, 40)])
def test_start_text_end_padding_and_what_is_too_long(make):
    tokenizer = make()
    ids = tokenizer(["a red seven", "", "a red seven and a blue two"], 6)
    assert ids.dtype == np.int32 and ids.shape == (3, 6)
    assert (ids[:, 0] == tokenizer.vocab_size - 2).all()
    assert ids.argmax(1).tolist() == [4, 1, 5] and (ids.max(1) == tokenizer.vocab_size - 1).all()
    assert ids[0, 5] == 0 and (ids[1, 2:] == 0).all()
    assert ids[2, 1:4].tolist() == ids[0, 1:4].tolist()  # cut at its end


def test_a_word_vocabulary_keeps_the_most_frequent_words():
    tokenizer = TrainedTokenizer.train(CAPTIONS, 8)  # 4 words: a, red and two of (and, seven, two)
    words = {word: tokenizer([word], 3)[0, 1] for word in "a red seven blue green unheard".split()}
    assert len({words["a"], words["red"]}) == 2 and min(words["a"], words["red"]) >= 2
    assert words["blue"] == words["green"] == words["unheard"] == 1
    assert tokenizer(["RED"], 3)[0, 1] == words["red"]


def test_the_size_is_what_was_asked_for_even_where_there_are_fewer_words():
    tokenizer = TrainedTokenizer.train(CAPTIONS, 1000)
    ids = tokenizer(CAPTIONS, 20)
    assert tokenizer.vocab_size == 1000 and ids.max() == 999
    words = set(ids.ravel().tolist()) - {0, 998, 999}
    assert words == set(range(2, 2 + len(words)))


def test_byte_pairs_write_words_never_seen():
    tokenizer = TrainedTokenizer.train(CAPTIONS, 60, level="bpe")
    ids = tokenizer(["a seventwo", "a redone"], 30)
    assert (ids != 1).all() and ids.max() == 59
    assert len({tuple(row) for row in ids.tolist()}) == 2
    assert 1 in tokenizer(["q"], 4)[0]  # a character that no caption has


def test_each_text_is_one_id():
    names = ["tree frog", "Tailed Frog", "ox"]
    tokenizer = TrainedTokenizer.train([*names, "ox"], 9, level="text")
    ids = tokenizer([*names, "TREE frog"], 3)
    assert (ids[:, 0] == 7).all() and (ids[:, 2] == 8).all() and len({*ids[:3, 1]}) == 3 and ids[3, 1] == ids[0, 1]
    for again in (TrainedTokenizer.from_json(tokenizer.to_json()), pickle.loads(pickle.dumps(tokenizer))):
        np.testing.assert_array_equal(again(names, 3), ids[:3])
    for unknown in ("frog", ""):
        with pytest.raises(UserError, match=f"'{unknown}' is none of the 3 texts"):
            tokenizer([unknown], 3)
    few = TrainedTokenizer.train(names, 6, level="text")  # room for two
    with pytest.raises(UserError, match="none of the 2 texts"):
        few(names, 3)


@pytest.mark.parametrize("level,size", [("word", 24), ("bpe", 70), ("text", 500)])
def test_training_gives_the_same_vocabulary_in_every_process(level, size):
    code = (
        "import sys; from tandemclip.core.data.tokenizers.tokenizer import *; from tandemclip.core.data.scenes.scenes "
        f"import Scenes;sys.stdout.write(build(Trained({size}, level='{level}'), Scenes(count=300, "
        "noise=0.5)).to_json())"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    ours = tokenizers.build(Trained(size, level=level), Scenes(count=300, noise=0.5)).to_json()
    assert answers == {ours.encode()}


@pytest.mark.parametrize(
    "make",
    [ClipTokenizer, lambda: TrainedTokenizer.train(CAPTIONS, 20), lambda: TrainedTokenizer.train(CAPTIONS, 90, "bpe")],
)
def test_json_and_pickle_bring_the_same_tokenizer_back(make):
    tokenizer = make()
    texts = [*CAPTIONS, "something else", ""]
    for copy in (tokenizers.from_json(tokenizer.to_json()), pickle.loads(pickle.dumps(tokenizer))):
        np.testing.assert_array_equal(copy(texts, 12), tokenizer(texts, 12))
        assert (copy.vocab_size, copy.start, copy.end) == (tokenizer.vocab_size, tokenizer.start, tokenizer.end)


def test_a_configuration_names_a_tokenizer(tmp_path):
    source = Scenes(count=200)
    assert tokenizers.build(ClipBpe(), source).vocab_size == ClipBpe().vocab_size
    trained = tokenizers.build(Trained(40), source)
    file = tmp_path / "words.json"
    file.write_text(trained.to_json(), encoding="utf-8")
    read = tokenizers.build(Trained(40, file=str(file)), Scenes(count=1))
    np.testing.assert_array_equal(read(["a red seven"], 8), trained(["a red seven"], 8))
    assert (trained([prompt for row in source.prompts["digit"] for prompt in row], 8) != 1).all()


def test_what_cannot_be_is_named(tmp_path):
    source = Scenes(count=10)
    with pytest.raises(UserError, match="vocab_size is 4"):
        TrainedTokenizer.train(CAPTIONS, 4)
    with pytest.raises(UserError, match="data.train has no captions .*caption_column.*or give a source that has some$"):
        TrainedTokenizer.train([], 40)
    with pytest.raises(UserError, match="vocab_size is 20.*characters.*level: word"):
        TrainedTokenizer.train(CAPTIONS, 20, level="bpe")
    with pytest.raises(UserError, match="none.json cannot be read"):
        tokenizers.build(Trained(40, file=str(tmp_path / "none.json")), source)
    (tmp_path / "other.json").write_text('{"kind": "trained"}')
    with pytest.raises(UserError, match="cannot be used"):
        tokenizers.build(Trained(40, file=str(tmp_path / "other.json")), source)
    (tmp_path / "forty.json").write_text(TrainedTokenizer.train(CAPTIONS, 40).to_json())
    with pytest.raises(UserError, match="40 ids.*config says 50.*vocab_size: 40"):
        tokenizers.build(Trained(50, file=str(tmp_path / "forty.json")), source)
    with pytest.raises(UserError, match="kind 'sentencepiece'"):
        tokenizers.from_json('{"kind": "sentencepiece"}')


@pytest.mark.parametrize("text", ["[]", "3", '{"kind": []}', '{"kind": "other"}', "null"])
def test_json_that_describes_no_tokenizer_is_refused(text):
    with pytest.raises(UserError, match="its JSON is of kind"):
        tokenizers.from_json(text)


@pytest.mark.parametrize("given, words", [
    ("a red wall", "got a text, 'a red wall'; expected a list"), (b"a", "got bytes"), ({"a": 1}, "got a mapping"),
    (None, "got null"), (["a", None], r"texts.1. is null"), ([["a"]], r"texts.0. is a list"), ([7], "is a number, 7"),
])  # fmt: skip
def test_what_is_no_list_of_texts_is_refused(given, words):
    for tokenizer in (ClipTokenizer(), TrainedTokenizer.train(["a red wall"], 9)):
        with pytest.raises(UserError, match=words):
            tokenizer(given, 8)
        assert tokenizer((text for text in ("a", "red")), 8).shape == (2, 8)


@pytest.mark.parametrize(
    "tokenizer", [ClipTokenizer(), *(TrainedTokenizer.train(CAPTIONS, 60, k) for k in ("word", "bpe"))]
)
def test_pieces_spell_the_text(tokenizer):
    pieces = tokenizer.pieces(tokenizer(["a red seven"], 20)[0])
    end = pieces.index("[end]")
    assert pieces[0] == "[start]" and len(pieces) == 20 and "".join(pieces[1:end]) == "aredseven"
    assert {*pieces[end + 1 :]} == {""}


def test_pieces_of_what_has_no_word():
    words, clip = TrainedTokenizer.train(CAPTIONS, 60), ClipTokenizer()
    assert words.pieces([1, words.start - 1]) == ["<unk>", "<unk>"]  # an unknown word, and an id that is none
    assert "".join(clip.pieces(clip(["naïve 日"], 20)[0][1:9])).replace("\ufffd", "").startswith("naïve")
