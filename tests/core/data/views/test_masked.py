"""Which words of a caption are hidden, by what, and what the text tower makes of the result."""

import numpy as np
import pytest

from tandemclip.backends.reference.ops import Reference
from tandemclip.core.data.records import Record
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.data.tokenizers.clip import ClipTokenizer
from tandemclip.core.data.tokenizers.trained import TrainedTokenizer
from tandemclip.core.data.tokenizers.wordpiece import WordPieceTokenizer
from tandemclip.core.data.views.masked import MaskedTextView, chosen_count
from tandemclip.core.data.views.text import TextView, WordEdit
from tandemclip.core.data.views.view import batch_arrays
from tandemclip.core.random import generator
from tandemclip.core.spec import Run, Scope
from tandemclip.core.towers.text import TextTransformer
from tandemclip.tests.core.layers.running import random_weights

CLIP = ClipTokenizer()
LETTERS = "a b c d e f g h i j k l m n o p q r s t"
WORDS = TrainedTokenizer.train([LETTERS], 26)  # 24 start, 25 end, 22 and 23 unused
PIECES = WordPieceTokenizer.train([LETTERS], 50)  # its special ids stand in front of the words


def record(*captions):
    return Record("key", np.zeros((2, 2, 3), np.uint8), captions)


def draw(text, length=77, seed=0, tokenizer=WORDS):
    return MaskedTextView("caption", length)(record(text), generator(seed, "masked"), tokenizer)


def test_arrays_are_what_the_view_gives():
    for view in (MaskedTextView("caption", 9), MaskedTextView("objects", 16), MaskedTextView("caption", 9, "texts")):
        declared = view.arrays()
        for index in range(4):
            given = view(Scenes(noise=0.5)[index], generator(index), WORDS)
            assert given.keys() == declared.keys()
            assert all((given[s].shape, given[s].dtype) == declared[s] for s in declared)
    names = batch_arrays({"text": MaskedTextView("caption", 77)}, 3)
    assert names == {
        "text": ((3, 77), np.int32),
        "text_masked": ((3, 77), np.int32),
        "text_places": ((3, 11), np.int32),
        "text_targets": ((3, 11), np.int32),
        "text_chosen": ((3, 11), np.float32),
        "text_end": ((3,), np.int32),
    }


@pytest.mark.parametrize("words, number", [(0, 0), (1, 1), (2, 1), (9, 1), (11, 2), (16, 2), (17, 3), (75, 11)])
def test_how_many_are_chosen(words, number):
    """max(1, round(0.15 n)) of n words, none of none."""
    assert chosen_count(words) == number
    found = draw(" ".join((LETTERS.split() * 4)[:words]))
    assert found["_chosen"].tolist() == [1.0] * number + [0.0] * (11 - number)
    assert found["_end"] == words + 1
    for name in ("_places", "_targets"):
        assert not found[name][number:].any()


@pytest.mark.parametrize("words", [0, 1, 2, 5, 20, 75, 200])
@pytest.mark.parametrize("length", [2, 3, 7, 77])
def test_only_words_change_and_targets_are_the_true_ids(words, length):
    for seed in range(20):
        found = draw(" ".join((LETTERS.split() * 10)[:words]), length, seed)
        number = int(found["_chosen"].sum())
        places, end, ids, masked = found["_places"][:number], int(found["_end"]), found[""], found["_masked"]
        assert number == chosen_count(min(words, length - 2)) <= len(found["_places"])
        assert len(found["_places"]) == max(1, chosen_count(length - 2))
        assert ids[end] == WORDS.end and not ids[end + 1 :].any()
        assert len(set(places.tolist())) == number and (np.diff(places) > 0).all()
        assert ((places > 0) & (places < end)).all()
        assert (found["_targets"][:number] == ids[places]).all()
        others = np.setdiff1d(np.arange(length), places)
        assert (masked[others] == ids[others]).all()


@pytest.mark.parametrize("tokenizer", [WORDS, CLIP, PIECES])
def test_80_10_10_and_no_random_word_is_special(tokenizer):
    """Rates within five standard deviations of a count of 11 x 2,000; every place is chosen alike."""
    text = " ".join((LETTERS.split() * 4)[:75])
    given = [draw(text, 77, seed, tokenizer) for seed in range(2000)]
    stand = np.concatenate([x["_masked"][x["_places"]] for x in given])
    true = np.concatenate([x["_targets"] for x in given])
    hidden, kept = stand == tokenizer.vocab_size, stand == true
    near = lambda found, rate: abs(found.mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / len(found))
    words = len(tokenizer.word_ids)
    assert len(stand) == 22_000 and near(hidden, 0.8) and near(kept, 0.1 + 0.1 / words)
    drawn = stand[~hidden & ~kept]
    assert set(drawn.tolist()) <= set(tokenizer.word_ids.tolist())
    if tokenizer is WORDS:
        assert set(drawn.tolist()) == set(range(2, 24))
    counts = np.bincount(np.concatenate([x["_places"] for x in given]), minlength=77)
    assert counts[0] == counts[76] == 0 and abs(counts[1:76] / 2000 - 11 / 75).max() < 5 * np.sqrt(0.147 * 0.853 / 2000)


def test_one_word_is_hidden_kept_and_replaced():
    found = [draw("c", seed=seed) for seed in range(200)]
    assert all(x["_places"][0] == 1 and x["_chosen"].sum() == 1 for x in found)
    stand = {int(x["_masked"][1]) for x in found}
    own = int(found[0]["_targets"][0])
    assert {own, WORDS.vocab_size} < stand and not stand & {0, 1, WORDS.start, WORDS.end}


def test_a_word_that_looks_like_padding_may_be_chosen():
    """CLIP's id 0 is "!" in front of other characters, and what it pads with."""
    ids = CLIP(["!§"], 8)[0]
    end = ids.tolist().index(CLIP.end)
    assert 0 in ids[1:end]
    found = [draw("!§", 8, seed, CLIP) for seed in range(50)]
    assert {int(x["_targets"][0]) for x in found} == set(ids[1:end].tolist())


def test_the_plain_text_is_that_of_a_view_without_masks():
    captions = record("a b c", "d e", "f g h i")
    for seed in range(10):
        plain = TextView("caption", 9, "texts")(captions, generator(seed), WORDS)
        both = MaskedTextView("caption", 9, "texts")(captions, generator(seed), WORDS)
        assert all(np.array_equal(both[name], plain[name]) for name in plain)


def test_the_draw_is_a_function_of_seed_and_position():
    draws = [
        [MaskedTextView("caption", 22)(record(LETTERS), generator(seed, at, "text"), WORDS) for at in range(8)]
        for seed in (0, 0, 1)
    ]
    same = lambda a, b: all(np.array_equal(a[name], b[name]) for name in a)
    assert all(same(a, b) for a, b in zip(draws[0], draws[1]))
    assert not any(same(a, b) for a, b in zip(draws[0], draws[2]))
    assert not any(same(a, b) for a, b in zip(draws[0], draws[0][1:]))


def test_the_masked_text_is_the_edited_one(tmp_path, write_wordnet):
    """Of one caption, changed once: with the chosen words put back, they are equal, and one of the possible edits."""
    words = TrainedTokenizer.train(["dog red chase tail frump canis familiaris ball blue"], 26)
    change = WordEdit(str(write_wordnet(tmp_path)))
    edited, plain = (TextView("caption", 8, "texts", each) for each in (change, None))
    both = MaskedTextView("caption", 8, "texts", change)
    captions, found = record("red dog", "ball blue"), set()
    swaps = "red dog, dog red, red, dog, ball blue, blue ball, ball, blue"
    synonyms = "red canis familiaris, red chase, red frump, red tail"
    possible = {tuple(words([text], 8)[0].tolist()): text for text in f"{swaps}, {synonyms}".split(", ")}
    for seed in range(200):
        one, alone, before = (view(captions, generator(seed), words) for view in (both, edited, plain))
        assert all(np.array_equal(one[name], alone[name]) for name in alone)
        assert np.array_equal(one["_label"], before["_label"])  # of the text as it was
        back, number = one["_masked"].copy(), int(one["_chosen"].sum())
        back[one["_places"][:number]] = one["_targets"][:number]
        assert np.array_equal(back, one[""]) and one[""][one["_end"]] == words.end
        found.add(possible[tuple(one[""].tolist())])
    assert found == set(possible.values())


@pytest.mark.parametrize("text", ["", "a", "a b c d e", LETTERS])
def test_the_tower_does_not_take_a_mask_for_the_end(text):
    """With the row of a word for [MASK], the masked text reads as the text with that word there."""
    tower = TextTransformer(vocab_size=26, context_length=12, width=8, layers=4, heads=2, embed_dim=6)
    weights = random_weights(tower)
    scope = Scope(tower, Run(Reference(), weights, True))
    found = next(x for x in (draw(text, 12, seed) for seed in range(99)) if not text or (x["_masked"] == 26).any())
    masked, end = found["_masked"][None], found["_end"][None]
    table = np.concatenate((weights["tokens"], weights["tokens"][5:6]))
    wanted, got = scope.encode(np.where(masked == 26, 5, masked)), scope.encode(masked, table, end)
    np.testing.assert_array_equal(got.embedding, wanted.embedding)
    np.testing.assert_array_equal(got.tokens[1], wanted.tokens[1])
    assert got.tokens[1].sum() == end[0] + 1 and tower.length(masked, end) == end[0] + 1
    if text:
        with pytest.raises(ValueError, match="beyond the vocabulary"):
            tower.length(masked)
        with pytest.raises(ValueError, match="give `end` too"):
            scope(masked, table)
