"""BERT's WordPiece (Devlin et al. 2019; Wu et al. 2016), by the `tokenizers` library."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from tandemclip.core.data.tokenizers.of_library import OfLibrary
from tandemclip.core.data.tokenizers.token_ids import PAD, listed, named, pack
from tandemclip.core.errors import UserError

PAD_TOKEN, UNKNOWN, FIRST, LAST, MASK = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
UNUSED = "[unused"  # released vocabularies have rows to spare: "[unused0]"
INSIDE = "##"  # the mark of a part that does not begin a word
LONGEST = 100  # characters; a longer word is UNKNOWN, as in BERT
WORD = "\u2581"  # begins a word while parts are counted


@dataclass(frozen=True)
class Rules:
    """How a text is cleaned before it is taken apart.

    lowercase: letters are made small. strip_accents: None: where letters are made small. chinese: each Chinese
    character is a word.
    """

    lowercase: bool = True
    strip_accents: bool | None = None
    chinese: bool = True

    def normalizer(self) -> normalizers.Normalizer:
        return normalizers.BertNormalizer(True, self.chinese, self.strip_accents, self.lowercase)


class WordPieceTokenizer(OfLibrary):
    """ids equal to those of BERT's own tokenizer, for any text that does not spell out its special tokens: those are
    ordinary characters here.

    vocab_size: at least the number of tokens; ids that have none are not used.
    """

    KIND = "wordpiece"
    pad = PAD

    def __init__(self, words: Tokenizer, vocab_size: int):
        vocabulary = words.get_vocab()
        _check(vocabulary, vocab_size)
        super().__init__(words, vocab_size)
        self.unknown, self.start, self.end = (vocabulary[token] for token in (UNKNOWN, FIRST, LAST))
        plain = [i for token, i in vocabulary.items() if token not in SPECIAL and not token.startswith(UNUSED)]
        self.word_ids = np.array(sorted(plain), np.int32)

    @classmethod
    def of(cls, vocabulary: dict[str, int], rules: Rules, vocab_size: int) -> "WordPieceTokenizer":
        words = Tokenizer(
            models.WordPiece(
                vocabulary, unk_token=UNKNOWN, max_input_chars_per_word=LONGEST, continuing_subword_prefix=INSIDE
            )
        )
        words.normalizer, words.pre_tokenizer = rules.normalizer(), pre_tokenizers.BertPreTokenizer()
        return cls(words, vocab_size)

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int, lowercase: bool = True) -> "WordPieceTokenizer":
        """Characters, and what byte-pair encoding merges of them. Deterministic."""
        rules = Rules(lowercase)
        tokens = [*SPECIAL, *_parts(texts, rules, vocab_size)]
        return cls.of({token: i for i, token in enumerate(tokens)}, rules, vocab_size)

    def __call__(self, texts: list[str], context_length: int) -> np.ndarray:
        """-> [len(texts), context_length] int32"""
        encoded = [self._words.encode(text, add_special_tokens=False).ids for text in listed(texts)]
        return pack(encoded, context_length, self.start, self.end)

    def pieces(self, ids: Iterable[int]) -> list[str]:
        return named(ids, self.start, self.end, lambda i: (self._words.id_to_token(i) or UNKNOWN).removeprefix(INSIDE))


def _check(vocabulary: dict[str, int], vocab_size: int) -> None:
    missing = [token for token in (PAD_TOKEN, UNKNOWN, FIRST, LAST) if token not in vocabulary]
    if missing:
        raise UserError(
            f"tokenizer: a vocabulary of {len(vocabulary)} tokens without {', '.join(missing)}; expected BERT's, e.g. "
            "the vocab.txt beside its weights"
        )
    if vocabulary[PAD_TOKEN] != PAD:
        raise UserError(
            f"tokenizer: {PAD_TOKEN} has the id {vocabulary[PAD_TOKEN]}, expected {PAD}, by which towers know padding; "
            f"give a vocabulary that begins with {PAD_TOKEN}"
        )
    if (needed := 1 + max(vocabulary.values())) > vocab_size:
        raise UserError(
            f"tokenizer: the vocabulary has {needed} ids, the config says {vocab_size}; set vocab_size: {needed}, or "
            "as many as the weights have rows"
        )


def _parts(texts: Iterable[str], rules: Rules, vocab_size: int) -> list[str]:
    """The library's own trainer of WordPiece gives other ids in every process, and that of byte pairs does not where
    the beginning of a word is a character of its own. So its symbols are written in WordPiece's way.
    """
    counted = Tokenizer(models.BPE())
    counted.normalizer = rules.normalizer()
    counted.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Metaspace(WORD, prepend_scheme="always")]
    )
    counted.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=vocab_size, show_progress=False))
    symbols = sorted(found := counted.get_vocab(), key=found.get)
    letters = [symbol for symbol in symbols if len(symbol) == 1 and symbol != WORD]
    if not letters:
        raise UserError(
            "tokenizer: the source has no captions to train a vocabulary on; take clip_bpe, or give a `file`"
        )
    if (needed := len(SPECIAL) + 2 * len(letters)) > vocab_size:  # each may begin a word, or stand inside one
        raise UserError(
            f"tokenizer: vocab_size is {vocab_size}, but the different characters of the captions alone need {needed}; "
            "raise it"
        )
    written = [symbol[1:] if symbol[0] == WORD else INSIDE + symbol for symbol in symbols if symbol != WORD]
    return list(dict.fromkeys([*letters, *written]))[: vocab_size - len(SPECIAL)]  # letters first, then longer parts
