"""Texts of a record as token ids."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.views.edit import edit
from tandemclip.core.data.views.label import class_of, hashed
from tandemclip.core.data.views.rois import OBJECTS
from tandemclip.core.data.views.view import View
from tandemclip.core.data.views.wordnet import wordnet
from tandemclip.core.identity import Identity

Targets = Literal["pairs", "texts", "labels"]
LABEL = "_label"


@dataclass(frozen=True)
class WordEdit:
    """A synonym, a swap or deletion of words, see `edit`.

    wordnet: the folder of WordNet's files; null: where WNSEARCHDIR or a usual place has them.

    UserError where there is none: from `identity`, and at the first text.
    """

    wordnet: str | None = None

    def __call__(self, text: str, rng: np.random.Generator) -> str:
        return edit(text, wordnet(self.wordnet).synonyms, rng)

    def identity(self) -> Identity:
        found = wordnet(self.wordnet)
        return Identity(found.hash(), str(found.folder.resolve()))


@dataclass(frozen=True)
class TextView(View):
    """One text of the record as token ids -> "": [context_length] int32; "_label": [2] int32, unless targets is
    "pairs".

    field: "caption": one of its captions at random. "summary": falls back to a caption where there is none. "objects":
    the phrases of its objects, the most confident first, at most ten, joined by ", "; empty where there is none.
    targets: what is a positive of what. "pairs": each picture has its own text only, as in CLIP. "texts": equal token
    ids are one label. "labels": so is an equal class, which comes before the text (UniCL's TargetM).
    edit: changes the text by the record's own numbers; what is equal is still decided by the text as it was.
    """

    field: Literal["caption", "summary", "objects"]
    context_length: int = 77
    targets: Targets = "pairs"
    edit: WordEdit | None = None

    def arrays(self):
        label = {} if self.targets == "pairs" else {LABEL: ((2,), np.dtype(np.int32))}
        return {"": ((self.context_length,), np.dtype(np.int32))} | label

    def __call__(self, record, rng, tokenizer):
        return self.of(self._text(record, rng), record, rng, tokenizer)

    def of(self, text, record, rng, tokenizer):
        """The arrays of this text, which is the record's."""
        plain = tokenizer([text], self.context_length)[0]
        ids = tokenizer([self.edit(text, rng)], self.context_length)[0] if self.edit else plain
        if self.targets == "pairs":
            return {"": ids}
        labelled = self.targets == "labels" and record.label is not None
        return {"": ids, LABEL: hashed(class_of(record) if labelled else plain.tobytes())}

    def identity(self):
        return {"wordnet": self.edit.identity()} if self.edit else {}

    def _text(self, record, rng) -> str:
        if self.field == "objects":
            return ", ".join(thing.phrase for thing in record.strongest_objects(OBJECTS))
        if self.field == "summary" and record.summary:
            return record.summary
        if not record.captions:
            raise BrokenRecord(
                record.key, "it has no caption" + (", and its class no name" if record.label is not None else "")
            )
        return record.captions[int(rng.integers(len(record.captions)))]
