"""Files by name, in a folder or in a plain tar file: what annotations that name pictures need."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.sources.image_files import advice, existing_folder, unread
from tandemclip.core.data.sources.tar_members import Span, read_members
from tandemclip.core.identity import size_of


class Files(ABC):
    path: Path

    @abstractmethod
    def within(self, folder: str) -> list[str]:
        """The names of the files in this folder of it ("" for its own), sorted; none where there is no such folder."""

    @abstractmethod
    def folders(self, folder: str) -> list[str]:
        """The names of the folders in this folder of it, sorted; none where there is no such folder."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Raises BrokenRecord where there is no such file, or it cannot be read."""

    @abstractmethod
    def size(self, name: str) -> int:
        """In bytes; -1 where there is no such file."""

    @abstractmethod
    def missing(self, names: Iterable[str]) -> list[str]:
        """Those that are not there, in their order."""

    def key(self, name: str) -> str:
        """Names a file in messages."""
        return f"{self.path}/{name}"


@dataclass(frozen=True)
class Folder(Files):
    path: Path

    def within(self, folder: str) -> list[str]:
        place = self.path / folder
        return sorted(entry.name for entry in os.scandir(place) if entry.is_file()) if place.is_dir() else []

    def folders(self, folder: str) -> list[str]:
        place = self.path / folder
        return sorted(entry.name for entry in os.scandir(place) if entry.is_dir()) if place.is_dir() else []

    def size(self, name: str) -> int:
        return size_of(self.path, name)

    def key(self, name: str) -> str:
        return os.path.join(self.path, name)  # an absolute one is itself

    def missing(self, names: Iterable[str]) -> list[str]:
        """By listing each folder once: on a network drive, to ask for each file takes a thousand times as long."""
        there: dict[str, set[str]] = {}
        out = []
        for name in names:
            folder, _, file = name.rpartition("/")
            if folder not in there:
                there[folder] = set(self.within(folder))
            if file not in there[folder]:
                out.append(name)
        return out

    def read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except (OSError, ValueError) as error:  # ValueError: a name with a NUL
            raise BrokenRecord(self.key(name), unread(error, name)) from error


@dataclass(frozen=True)
class Tar(Files):
    path: Path

    def within(self, folder: str) -> list[str]:
        start = f"{folder}/" if folder else ""
        rest = (name.removeprefix(start) for name in self._spans if name.startswith(start))
        return sorted(name for name in rest if "/" not in name)

    def folders(self, folder: str) -> list[str]:
        start = f"{folder}/" if folder else ""
        rest = (name.removeprefix(start) for name in self._spans if name.startswith(start))
        return sorted({name.partition("/")[0] for name in rest if "/" in name})

    def size(self, name: str) -> int:
        return self._spans[name][1] if name in self._spans else -1

    def missing(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name not in self._spans]

    def read(self, name: str) -> bytes:
        if name not in self._spans:
            raise BrokenRecord(self.key(name), f"the tar file has no such member{advice(name)}")
        offset, size = self._spans[name]
        with open(self.path, "rb") as file:
            return os.pread(file.fileno(), size, offset)

    @cached_property
    def _spans(self) -> dict[str, Span]:
        """By name; UserError where it is no plain tar file, or cut short"""
        return read_members(str(self.path)).spans


def open_files(path: str, source: str) -> Files:
    """path: a folder, or a tar file. source: who asks, for the UserError where there is neither."""
    place = Path(path).expanduser()
    return Tar(place) if place.is_file() else Folder(existing_folder(path, source))
