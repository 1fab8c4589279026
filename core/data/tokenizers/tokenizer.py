"""Texts to token ids: what a tokenizer is, which ones there are, and how a configuration names them.

In each a text is start, words, end and then padding, which is 0. In CLIP's and in trained ones the end token has the
highest id and the start token the one below it, so that the end is where ids are largest (CLIP's text tower reads its
feature there); BERT's [CLS] and [SEP] stand among the other ids. The vocabulary's size follows from the configuration
alone: a model's shapes never depend on the data.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol

import numpy as np
from annotated_types import Ge

from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.texts import utf8
from tandemclip.core.data.tokenizers.clip import ClipTokenizer
from tandemclip.core.data.tokenizers.trained import Level, TrainedTokenizer
from tandemclip.core.data.tokenizers.wordpiece import WordPieceTokenizer
from tandemclip.core.data.tokenizers.wordpiece_files import read
from tandemclip.core.errors import UserError
from tandemclip.core.identity import Identity, of_bytes

TRAINING_RECORDS = 100_000  # enough for a vocabulary; larger sources are read at even distances


class Tokenizer(Protocol):
    """vocab_size ids, with pad = 0. Can be pickled.

    word_ids: int [n], in order: those that are words or parts of words, and no special tokens. unknown: the id of a
    word that has none; None where every word has one.
    """

    vocab_size: int
    word_ids: np.ndarray
    unknown: int | None
    start: int
    end: int
    pad: int

    def __call__(self, texts: list[str], context_length: int) -> np.ndarray:
        """-> [len(texts), context_length] int32: start, the text, end, padding. Over-long text is cut; end stays."""

    def pieces(self, ids: Iterable[int]) -> list[str]:
        """What each id of a text stands for: a word or a part of one, START, END, and "" for padding."""

    def to_json(self) -> str:
        """Everything that `from_json` needs, for a checkpoint."""

    def vocabulary(self) -> bytes:
        """What decides the ids of a text: equal for equal ids."""


class TokenizerConfig:
    """How a configuration describes a tokenizer.

    end_is_highest: whether no id of a text is above that of its end.
    """

    end_is_highest = True

    vocab_size: int

    def named(self) -> Tokenizer | None:
        """The tokenizer, where it is known without any text; None where its vocabulary is trained on the source.

        UserError for a file that is no vocabulary of the size that the configuration says.
        """
        raise TypeError(f"{type(self).__name__} defines no named")

    def trained_on(self, texts: Iterable[str]) -> Tokenizer:
        """The tokenizer whose vocabulary is made of these texts: the same of the same, in every process."""
        raise TypeError(f"{type(self).__name__} is trained on nothing")


@dataclass(frozen=True)
class ClipBpe(TokenizerConfig):
    """CLIP's byte-pair encoding, 49,408 ids."""

    @property
    def vocab_size(self) -> int:
        return ClipTokenizer.vocab_size

    def named(self):
        return ClipTokenizer()


@dataclass(frozen=True)
class Trained(TokenizerConfig):
    """A vocabulary of the source's own captions, trained at the start of a run (the same every time).

    vocab_size: how many ids, four of which are no words. file: a JSON file that `TrainedTokenizer.to_json` wrote, in
    place of training. level: "word": whole words, "bpe": parts, for open texts, "text": each text one id, for a list of
    classes.
    """

    vocab_size: Annotated[int, Ge(5)]
    file: str | None = None
    level: Level = "word"

    def named(self):
        return None if self.file is None else self._read(self.file)

    def trained_on(self, texts):
        return TrainedTokenizer.train(texts, self.vocab_size, self.level)

    def _read(self, file: str) -> TrainedTokenizer:
        try:
            tokenizer = TrainedTokenizer.from_json(utf8(Path(file).read_bytes()))
        except ValueError as error:
            raise UserError(f"tokenizer: {file}: {error}") from error
        except OSError as error:
            raise UserError(
                f"tokenizer: {file} cannot be read ({error.strerror}); give the JSON file of a trained tokenizer, "
                "or leave `file` out to train one on the captions"
            ) from error
        if tokenizer.vocab_size != self.vocab_size:
            raise UserError(
                f"tokenizer: {file} has {tokenizer.vocab_size} ids, the config says {self.vocab_size}; "
                f"set vocab_size: {tokenizer.vocab_size}"
            )
        return tokenizer


@dataclass(frozen=True)
class WordPiece(TokenizerConfig):
    """BERT's tokenizer: words, and parts of words that are rare, with [CLS] and [SEP] around a text.

    vocab_size: how many ids, five of which are no words; a file may have fewer (released models round the number up).
    file: a folder of Hugging Face's with tokenizer.json or vocab.txt, or one of these files, in place of a vocabulary
    of the source's own captions. lowercase: letters are made small, and lose their accents; of a file that says so
    itself, both must say the same.
    """

    vocab_size: Annotated[int, Ge(6)]
    file: str | None = None
    lowercase: bool = True

    end_is_highest = False

    def named(self):
        return None if self.file is None else read(Path(self.file), self.vocab_size, self.lowercase)

    def trained_on(self, texts):
        return WordPieceTokenizer.train(texts, self.vocab_size, self.lowercase)


def build(config: TokenizerConfig, source: Source) -> Tokenizer:
    """The tokenizer of a configuration. The source is read only where a vocabulary has to be trained."""
    named = config.named()
    return config.trained_on(source.texts(TRAINING_RECORDS)) if named is None else named


def identity_of(tokenizer: Tokenizer) -> Identity:
    vocabulary = tokenizer.vocabulary()
    return of_bytes([vocabulary], f"{tokenizer.vocab_size:,} ids", tokenizer.vocab_size, "ids")


def from_json(text: str | None) -> Tokenizer | None:
    """The tokenizer that `to_json` described; None of none."""
    if text is None:
        return None
    kinds = {kind.KIND: kind for kind in (ClipTokenizer, TrainedTokenizer, WordPieceTokenizer)}
    described = json.loads(text)
    kind = described.get("kind") if isinstance(described, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        raise UserError(f"tokenizer: its JSON is of kind {kind!r}, expected one of {sorted(kinds)}; give such a file")
    return kinds[kind].from_json(text)
