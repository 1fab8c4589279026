"""A small vocabulary trained on the user's own captions, by the `tokenizers` library."""

from collections.abc import Iterable
from typing import Literal

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from tandemclip.core.data.tokenizers.of_library import OfLibrary
from tandemclip.core.data.tokenizers.token_ids import PAD, listed, named, pack
from tandemclip.core.errors import UserError

PAD_TOKEN, UNKNOWN = "<pad>", "<unk>"
Level = Literal["word", "bpe", "text"]
SPACE = "\u2581"  # the mark before a word whose parts have ids
SPLIT = pre_tokenizers.Whitespace()  # into runs of letters and digits, and runs of anything else


class TrainedTokenizer(OfLibrary):
    """Lower-case words (or parts of them, or whole texts) with ids from 2 on; 1 is an unknown one, 0 padding, the two
    highest ids are start and end. Texts with fewer words than `vocab_size` leave ids between unused: the size is what
    was asked for."""

    KIND = "trained"
    pad = PAD
    unknown = PAD + 1

    def __init__(self, words: Tokenizer, vocab_size: int):
        super().__init__(words, vocab_size)
        self.start = vocab_size - 2
        self.end = vocab_size - 1
        self.word_ids = np.arange(self.unknown + 1, self.start, dtype=np.int32)

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int, level: Level = "word") -> "TrainedTokenizer":
        """The most frequent words of `texts` ("word"), pairs merged from their characters ("bpe"), or the texts
        themselves ("text"), all of which have to have an id. Deterministic."""
        if vocab_size < 5:
            raise UserError(f"tokenizer: vocab_size is {vocab_size}, expected at least 5; four ids are not words")
        wanted = {"vocab_size": vocab_size - 2, "special_tokens": [PAD_TOKEN, UNKNOWN], "show_progress": False}
        if level != "bpe":
            words = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
            trainer = trainers.WordLevelTrainer(**wanted)
            if level == "word":
                words.pre_tokenizer = SPLIT
        else:
            words = Tokenizer(models.BPE(unk_token=UNKNOWN))
            trainer = trainers.BpeTrainer(**wanted)
            # The mark before each word is a character of its own. The trainer's `end_of_word_suffix` would do too, but
            # gives its symbols other ids in every process.
            words.pre_tokenizer = pre_tokenizers.Sequence([SPLIT, pre_tokenizers.Metaspace(prepend_scheme="always")])
        words.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
        words.train_from_iterator(texts, trainer)
        if words.get_vocab_size() <= 2:
            raise UserError(
                "tokenizer: data.train has no captions to train a vocabulary on, nor to learn from; name where they "
                "are (of a table caption_column, of shards a json or txt beside each picture), or give a source that "
                "has some"
            )
        if words.get_vocab_size() > vocab_size - 2:
            raise UserError(
                f"tokenizer: vocab_size is {vocab_size}, but the different characters of the captions alone need "
                f"{words.get_vocab_size() + 2}; raise it, or take level: word"
            )
        return cls(words, vocab_size)

    def __call__(self, texts: list[str], context_length: int) -> np.ndarray:
        """-> [len(texts), context_length] int32"""
        texts = listed(texts)
        encoded = [self._words.encode(text, add_special_tokens=False).ids for text in texts]
        if self._words.pre_tokenizer is None:
            self._check_known(texts, encoded)
        return pack(encoded, context_length, self.start, self.end)

    def _check_known(self, texts: list[str], encoded: list[list[int]]) -> None:
        unknown = self._words.token_to_id(UNKNOWN)
        for text, ids in zip(texts, encoded):
            if ids in ([], [unknown]):
                raise UserError(
                    f"tokenizer: {text!r} is none of the {self._words.get_vocab_size() - 2} texts that it was trained "
                    "on, and each is one id (level: text); use it for those texts only, raise vocab_size if they were "
                    "more, or take level: word"
                )

    def pieces(self, ids: Iterable[int]) -> list[str]:
        return named(ids, self.start, self.end, lambda i: (self._words.id_to_token(i) or UNKNOWN).strip(SPACE))
