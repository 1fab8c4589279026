"""Data sets as CLIP_benchmark ships them: WebDataset folders with the names of classes and the prompts beside."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from tandemclip.core.data.account import Account
from tandemclip.core.data.records import Record
from tandemclip.core.data.sources.prompts import Templates
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.texts import utf8
from tandemclip.core.errors import UserError
from tandemclip.core.identity import Identity

NAMES, PROMPTS = "classnames.txt", "zeroshot_classification_templates.txt"


@dataclass(frozen=True)
class ClipBenchmark(Source):
    """A folder such as `wds_vtab-pcam`: `test/0.tar`, ... with 0.webp (or another picture) and 0.cls or 0.txt, and
    `classnames.txt` and `zeroshot_classification_templates.txt`, a line each, with {c} for the class. Without
    `classnames.txt` its records have captions and no classes. Raises UserError where there is no such folder.

    path: that folder. split: train or test. templates: what a class's name is put into, "{}" in each, or a set of them
    by name; null: the folder's own.
    """

    places = ("path",)

    path: str
    split: str = "test"
    templates: Templates | None = None

    def __len__(self) -> int:
        return len(self._shards)

    def __getitem__(self, index: int) -> Record:
        return self._shards[index]

    def labels(self) -> np.ndarray:
        return self._shards.labels()

    @property
    def class_names(self) -> tuple[str, ...]:
        return self._shards.class_names

    @property
    def prompts(self) -> dict[str, list[list[str]]]:
        return self._shards.prompts

    def texts(self, limit: int) -> Iterator[str]:
        return self._shards.texts(limit)

    def account(self) -> tuple[Account, ...]:
        return self._shards.account()

    def identity(self) -> dict[str, Identity]:
        return self._shards.identity()

    def __getstate__(self) -> dict:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def _shards(self) -> Shards:
        folder = Path(self.path).expanduser()
        shards = Shards(str(folder / self.split))
        if not (folder / NAMES).exists():
            return shards
        templates = _prompts(folder / PROMPTS) if self.templates is None else self.templates
        return replace(shards, classes=str(folder / NAMES), templates=templates)


def _prompts(file: Path) -> tuple[str, ...]:
    try:
        lines = utf8(file.read_bytes()).splitlines()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"clip_benchmark: {file} cannot be read ({why}); fetch it, or give `templates`") from error
    return tuple(dict.fromkeys(line.strip().replace("{c}", "{}") for line in lines if line.strip()))
