"""Data sets as CLIP_benchmark ships them: WebDataset folders with the names of classes and the prompts beside."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from tandemclip.core.data.account import Account
from tandemclip.core.data.records import Record
from tandemclip.core.data.sources.prompts import Templates, checked
from tandemclip.core.data.sources.shard_paths import files
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.texts import not_blank, utf8
from tandemclip.core.errors import UserError
from tandemclip.core.identity import Identity, of_file

NAMES, PROMPTS, COUNT = "classnames.txt", "zeroshot_classification_templates.txt", "nshards.txt"


@dataclass(frozen=True)
class ClipBenchmark(Source):
    """A folder such as `wds_vtab-pcam`: `test/0.tar`, ... with 0.webp (or another picture) and 0.cls or 0.txt, and
    `classnames.txt` and `zeroshot_classification_templates.txt`, a line each, with {c} for the class. Without
    `classnames.txt` its records have captions and no classes. Raises UserError where there is no such folder, and where
    it has other than the number of tar files that its `nshards.txt` says.

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
        found, own = self._shards.identity(), self.templates is None and self._shards.classes is not None
        return {**found, "templates": of_file(str(Path(self.path) / PROMPTS))} if own else found

    def __getstate__(self) -> dict:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def _shards(self) -> Shards:
        folder = Path(self.path).expanduser()
        _check_count(folder / self.split)
        shards = Shards(str(folder / self.split))
        if not (folder / NAMES).exists():
            return shards
        templates = _prompts(folder / PROMPTS) if self.templates is None else self.templates
        return replace(shards, classes=str(folder / NAMES), templates=templates)


def _check_count(folder: Path) -> None:
    """A tar file that was not fetched is seen by nothing else."""
    if not (folder / COUNT).exists():
        return
    told, there = _text(folder / COUNT, "fetch it again").strip(), len(files(str(folder)))
    if told != str(there):
        raise UserError(
            f"clip_benchmark: {folder} has {there} tar files, and its {COUNT} says {told!r:.80}; fetch the folder again"
        )


def _prompts(file: Path) -> tuple[str, ...]:
    lines = not_blank(_text(file, "fetch it, or give `templates`"))
    try:
        return checked(tuple(dict.fromkeys(line.replace("{c}", "{}") for line in lines)))
    except UserError as error:
        raise UserError(f"clip_benchmark: {file}: {error}") from error


def _text(file: Path, advice: str) -> str:
    try:
        return utf8(file.read_bytes())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"clip_benchmark: {file} cannot be read ({why}); {advice}") from error
