"""Texts to token ids: what a tokenizer is, which ones there are, and how a configuration names them.

In each the end token has the highest id and the start token the one below it, so that the end is where ids are largest
(CLIP's text tower reads its feature there), and padding is 0. The vocabulary's size follows from the configuration
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
from tandemclip.core.errors import UserError
from tandemclip.core.identity import Identity, of_bytes

TRAINING_RECORDS = 100_000  # enough for a vocabulary; larger sources are read at even distances


class Tokenizer(Protocol):
    """vocab_size ids, with start = vocab_size - 2, end = vocab_size - 1, pad = 0. Can be pickled.

    first_word: ids from here up to the start token's are words, and no special tokens.
    """

    vocab_size: int
    first_word: int
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
    """How a configuration describes a tokenizer."""

    vocab_size: int


@dataclass(frozen=True)
class ClipBpe(TokenizerConfig):
    """CLIP's byte-pair encoding, 49,408 ids."""

    @property
    def vocab_size(self) -> int:
        return ClipTokenizer.vocab_size


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


def build(config: TokenizerConfig, source: Source) -> Tokenizer:
    """The tokenizer of a configuration. The source is read only where a vocabulary has to be trained."""
    named_one = named(config)
    if named_one is not None:
        return named_one
    return TrainedTokenizer.train(source.texts(TRAINING_RECORDS), config.vocab_size, config.level)


def named(config: TokenizerConfig) -> Tokenizer | None:
    """That which a configuration names; None where its vocabulary is trained on the source. UserError for a file that
    is no vocabulary of the size that the configuration says."""
    if isinstance(config, ClipBpe):
        return ClipTokenizer()
    if config.file is None:
        return None
    try:
        tokenizer = TrainedTokenizer.from_json(utf8(Path(config.file).read_bytes()))
    except ValueError as error:
        raise UserError(f"tokenizer: {config.file}: {error}") from error
    except OSError as error:
        raise UserError(
            f"tokenizer: {config.file} cannot be read ({error.strerror}); give the JSON file of a trained tokenizer, "
            "or leave `file` out to train one on the captions"
        ) from error
    if tokenizer.vocab_size != config.vocab_size:
        raise UserError(
            f"tokenizer: {config.file} has {tokenizer.vocab_size} ids, the config says {config.vocab_size}; "
            f"set vocab_size: {tokenizer.vocab_size}"
        )
    return tokenizer


def identity_of(tokenizer: Tokenizer) -> Identity:
    vocabulary = tokenizer.vocabulary()
    return of_bytes([vocabulary], f"{tokenizer.vocab_size:,} ids", tokenizer.vocab_size, "ids")


def from_json(text: str | None) -> Tokenizer | None:
    """The tokenizer that `to_json` described; None of none."""
    if text is None:
        return None
    kinds = {kind.KIND: kind for kind in (ClipTokenizer, TrainedTokenizer)}
    described = json.loads(text)
    kind = described.get("kind") if isinstance(described, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        raise UserError(f"tokenizer: its JSON is of kind {kind!r}, expected one of {sorted(kinds)}; give such a file")
    return kinds[kind].from_json(text)
