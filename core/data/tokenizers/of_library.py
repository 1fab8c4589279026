"""How tokenizers of the `tokenizers` library are written into a checkpoint and read from it."""

import json
from typing import Self

from tokenizers import Tokenizer

from tandemclip.core.errors import UserError


class OfLibrary:
    """Base of those that are made of one of the library's, `_words`, and a vocab_size. KIND: what the JSON calls it."""

    KIND = ""

    def __init__(self, words: Tokenizer, vocab_size: int):
        self._words, self.vocab_size = words, vocab_size

    def to_json(self) -> str:
        contents = {"kind": self.KIND, "vocab_size": self.vocab_size, "tokenizer": json.loads(self._words.to_str())}
        return json.dumps(contents, ensure_ascii=False, indent=1)

    def vocabulary(self) -> bytes:
        return self.to_json().encode()

    @classmethod
    def from_json(cls, text: str) -> Self:
        try:
            contents = json.loads(text)
            words, vocab_size = Tokenizer.from_str(json.dumps(contents["tokenizer"])), int(contents["vocab_size"])
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"tokenizer: its JSON cannot be used ({error!r}); expected what {cls.__name__}.to_json wrote"
            ) from error
        return cls(words, vocab_size)

    def __reduce__(self):
        return type(self).from_json, (self.to_json(),)
