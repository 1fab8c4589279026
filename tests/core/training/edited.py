"""CLIP on edited captions, as a configuration names it: `EDITED` as its type."""

from dataclasses import dataclass, replace

from tandemclip.core.data.views.text import WordEdit
from tandemclip.core.methods.clip import CLIP

EDITED = "tandemclip.tests.core.training.edited:Edited"


@dataclass(frozen=True)
class Edited(CLIP):
    edit: WordEdit | None = None

    def views(self):
        views = super().views()
        return views | {"text": replace(views["text"], edit=self.edit)}
