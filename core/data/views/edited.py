"""A caption with some of its words hidden, and a changed copy of it (DeCLIP, Li et al. 2022, sections 3.2 and 4.1)."""

from dataclasses import dataclass

import numpy as np

from tandemclip.core.data.views.masked import MaskedTextView
from tandemclip.core.data.views.text import WordEdit


@dataclass(frozen=True)
class EditedTextView(MaskedTextView):
    """A text as MaskedTextView gives it, and "_edited": [context_length] int32, the same text with one small change.

    change: how the copy is changed; None: it is the text as it was.
    """

    change: WordEdit | None = None

    def arrays(self):
        return super().arrays() | {"_edited": ((self.context_length,), np.dtype(np.int32))}

    def of(self, text, record, rng, tokenizer):
        found = super().of(text, record, rng, tokenizer)
        changed = self.change(text, rng) if self.change else text
        return found | {"_edited": tokenizer([changed], self.context_length)[0]}

    def identity(self):
        return super().identity() | ({"wordnet": self.change.identity()} if self.change else {})
