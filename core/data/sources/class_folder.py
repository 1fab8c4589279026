"""A folder with one sub-folder a class as a source."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tandemclip.core.data.records import Record
from tandemclip.core.data.sources.image_files import Strings, existing_folder, read_image
from tandemclip.core.data.sources.prompts import PHOTO, Templates, checked, ensemble
from tandemclip.core.data.sources.shard_index import IMAGES
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError


@dataclass(frozen=True)
class ClassFolder(Source):
    """The images in the sub-folders of `path`: the class's name is the folder's, its label the place among sorted
    names.

    path: the folder of folders. templates: what a class's name is put into, "{}" in each, or a set of them by name.

    Captions are the class's name in `templates` (one of them at a time in training, all of them in zero-shot
    evaluation). Files that are no image by their name are passed over. Raises UserError where there is no such folder
    or no image.
    """

    path: str
    templates: Templates = PHOTO

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Record:
        if not 0 <= index < len(self):
            raise IndexError(index)
        label = int(np.searchsorted(self._starts, index, side="right")) - 1
        file = Path(self.path).expanduser() / self.class_names[label] / self._files[index]
        return read_image(
            file, captions=tuple(ensemble(self.class_names[label], self._templates)), label=label, prompted=True
        )

    def labels(self) -> np.ndarray:
        return np.repeat(np.arange(len(self.class_names), dtype=np.int32), np.diff(self._starts))

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        folder = existing_folder(self.path, "class_folder")
        return tuple(sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and entry.name[0] != "."))

    @property
    def prompts(self) -> dict[str, list[list[str]]]:
        return {"class": [ensemble(name, self._templates) for name in self.class_names]}

    def texts(self, limit: int) -> Iterator[str]:
        for name in self.class_names[:limit]:
            yield from ensemble(name, self._templates)

    @cached_property
    def _templates(self) -> tuple[str, ...]:
        return checked(self.templates)

    @cached_property
    def _files(self) -> Strings:
        return self._scanned[0]

    @cached_property
    def _starts(self) -> np.ndarray:
        return self._scanned[1]

    @cached_property
    def _scanned(self) -> tuple[Strings, np.ndarray]:
        """(file names, class by class; [classes + 1] where each class starts)"""
        files, starts = [], [0]
        for name in self.class_names:
            files += sorted(filter(_is_image, os.listdir(Path(self.path).expanduser() / name)))
            starts.append(len(files))
        if not files:
            raise UserError(
                f"class_folder: {self.path} has no images in sub-folders ({len(self.class_names)} of them); "
                "expected one sub-folder a class, like photos/cat/1.jpg"
            )
        return Strings(files), np.array(starts)


def _is_image(name: str) -> bool:
    return name[0] != "." and name.rpartition(".")[2].lower() in IMAGES
