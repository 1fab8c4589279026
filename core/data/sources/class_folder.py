"""A folder with one sub-folder a class as a source."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tandemclip.core.data.account import Account, Tally
from tandemclip.core.data.records import Record
from tandemclip.core.data.sources.class_names import ID, names_of_folders, repeated
from tandemclip.core.data.sources.image_files import Strings, existing_folder, read_image
from tandemclip.core.data.sources.kinds import is_picture
from tandemclip.core.data.sources.prompts import PHOTO, Templates, checked, ensemble
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.texts import unicode
from tandemclip.core.errors import UserError
from tandemclip.core.identity import Identity, of_bytes, of_file, of_files, size_of

# What archives, file servers and notebooks leave behind beside the classes; and whatever begins with a dot.
NO_CLASSES = frozenset(
    ("__MACOSX", "@eaDir", "@tmp", "@Recycle", "#recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found")
    + ("__pycache__", "CVS")
)


@dataclass(frozen=True)
class ClassFolder(Source):
    """The images in the sub-folders of `path`: the class's name is the folder's, its label the place among sorted
    names.

    path: the folder of folders. templates: what a class's name is put into, "{}" in each, or a set of them by name.

    Captions are the class's name in `templates` (one of them at a time in training, all of them in zero-shot
    evaluation). An underscore in a name is asked for as a blank. classes: a JSON file that says what the folders are
    called, {"n02123045": "tabby cat"} or ImageNet's {"0": ["n02123045", "tabby cat"]}; names are taken as they stand.
    In the second form folders may be called by the numbers, and are numbered so.

    Files that are no image by their name, that lie deeper or beside the sub-folders, and folders that archives and file
    servers leave behind (NO_CLASSES) are passed over and counted. A folder without an image stays a class. Raises
    UserError where there is no such folder, no image, or no name for a folder in `classes`.
    """

    places = ("path", "classes")

    path: str
    templates: Templates = PHOTO
    classes: str | None = None

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Record:
        if not 0 <= index < len(self):
            raise IndexError(index)
        name, label = self._place(index)
        file = Path(self.path).expanduser() / name
        return read_image(file, captions=tuple(self._texts(label)), label=label, prompted=True)

    def _place(self, index: int) -> tuple[str, int]:
        """-> (the file's name within `path`, its class)"""
        label = int(np.searchsorted(self._starts, index, side="right")) - 1
        return f"{self._folders[label]}/{self._files[index]}", label

    def labels(self) -> np.ndarray:
        return np.repeat(np.arange(len(self._folders), dtype=np.int32), np.diff(self._starts))

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self._named.values())

    @property
    def prompts(self) -> dict[str, list[list[str]]]:
        return {"class": [self._texts(label) for label in range(len(self._folders))]}

    def texts(self, limit: int) -> Iterator[str]:
        for label in range(len(self._folders))[:limit]:
            yield from self._texts(label)

    def account(self) -> tuple[Account, ...]:
        folders = sorted(entry.name for entry in os.scandir(self._root) if entry.is_dir())
        passed, remarks, counts = Tally(), Tally(), np.diff(self._starts)
        for name in sorted(set(folders) - set(self._folders)):
            passed.add("no class by its name", name)
        for name, count in zip(self._folders, counts):
            if not count:
                remarks.add("it has no picture that is read", name)
            if self.classes is None and ID.fullmatch(name):
                remarks.add("its name is an id or begins with a number: say what it is called with classes=", name)
        for name in repeated(self.class_names):
            remarks.add("it shares its name, up to case, with another class", name)
        of_folders = Account(
            self.path, "class folders", len(folders), len(self._folders), passed.counts, remarks.counts
        )
        return of_folders, self._scanned[2]

    def identity(self) -> dict[str, Identity]:
        names = b"".join(map(bytes, (self._files, self._starts.astype("<i8"))))
        found = of_files(names, lambda number: size_of(self._root, self._place(number)[0]), len(self), self.path)
        folders = bytes(Strings(self._folders))  # an empty one moves the numbers of those behind it
        found["classes"] = of_bytes([folders], self.path, len(self._folders), "classes")
        return found if self.classes is None else {**found, "class_names": of_file(self.classes)}

    def _texts(self, label: int) -> list[str]:
        name = self.class_names[label]
        return ensemble(name.replace("_", " ") if self.classes is None else name, self._templates)

    @cached_property
    def _root(self) -> Path:
        return existing_folder(self.path, "class_folder")

    @cached_property
    def _folders(self) -> tuple[str, ...]:
        return tuple(self._named)

    @cached_property
    def _named(self) -> dict[str, str]:
        """{folder: what its class is called}, in the order of the classes"""
        found = sorted(entry.name for entry in os.scandir(self._root) if entry.is_dir() and _is_class(entry.name))
        return names_of_folders(self.classes, found) if self.classes else {name: unicode(name) for name in found}

    @cached_property
    def _templates(self) -> tuple[str, ...]:
        return checked(self.templates)

    @property
    def _files(self) -> Strings:
        return self._scanned[0]

    @property
    def _starts(self) -> np.ndarray:
        return self._scanned[1]

    @cached_property
    def _scanned(self) -> tuple[Strings, np.ndarray, Account]:
        """(file names, class by class; [classes + 1] where each class starts; the account of all files)"""
        passed, counts, found = Tally(), Counter(), {name: [] for name in self._folders}
        for parts, regular in _below(self._root):
            counts["all"] += 1
            why = _passed_over(parts, regular)
            if why is None:
                found[parts[0]].append(parts[1])
                counts["read"] += 1
            else:
                passed.add(why, "/".join(parts))
        if not counts["read"]:
            raise UserError(
                f"class_folder: {self.path} has no images in its {len(self._folders)} sub-folders; expected one "
                f"sub-folder a class, like photos/cat/1.jpg{self._nearer()}"
            )
        files = [name for folder in self._folders for name in sorted(found[folder])]
        starts = np.cumsum([0, *(len(found[folder]) for folder in self._folders)])
        account = Account(self.path, "files", counts["all"], counts["read"], passed.counts)
        return Strings(files), starts, account

    def _nearer(self) -> str:
        """Advice where a sub-folder such as train/ is the one that was meant."""
        for parts, regular in _below(self._root):
            if regular and len(parts) == 3 and is_picture(parts[-1]):
                return f"; {self._root / parts[0]} is such a folder: give that"
        return ""


def _is_class(folder: str) -> bool:
    return folder[0] != "." and folder not in NO_CLASSES


def _passed_over(parts: tuple[str, ...], regular: bool) -> str | None:
    """Why this file is not read, None where it is. parts: of its path below the folder."""
    if len(parts) == 1:
        return "it lies beside the class folders"
    if not _is_class(parts[0]):
        return "it lies in a folder that is no class"
    if len(parts) > 2:
        return "it lies deeper than in a class folder"
    if not regular:
        return "it is no file that can be read (a broken link, a pipe)"
    if parts[1][0] == ".":
        return "its name begins with a dot"
    return None if is_picture(parts[1]) else "it is no picture by its name"


def _below(folder: Path, parts: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], bool]]:
    """(the parts of its path, whether it is a regular file) of every file. Links to folders are followed at the top
    only, as they may lead round in a circle."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        here = (*parts, entry.name)
        if entry.is_dir(follow_symlinks=not parts):
            yield from _below(Path(entry.path), here)
        else:
            yield here, entry.is_file()
