"""What sources of plain image files have in common: reading a file, and holding millions of names and captions."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from tandemclip.core.data.records import BrokenRecord, Record
from tandemclip.core.data.texts import blank, unicode
from tandemclip.core.errors import UserError

ADDRESS = re.compile(r"(?:^|/)[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # a Path makes one slash of two


class Strings:
    """Many strings as one block of bytes: a tenth of what a list of them takes, and quickly sent to another process."""

    def __init__(self, strings: Iterable[str]):
        block, ends = bytearray(), [0]
        for string in strings:
            block += string.encode("utf-8", "surrogatepass")  # names of files need not be Unicode
            ends.append(len(block))
        self._block, self._ends = bytes(block), np.array(ends, np.int64)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __bytes__(self) -> bytes:
        """All of them, and where each ends: equal for equal strings only."""
        return self._ends.astype("<i8").tobytes() + self._block

    def __getitem__(self, index: int) -> str:
        return self._block[self._ends[index] : self._ends[index + 1]].decode("utf-8", "surrogatepass")


class Captioned:
    """Names of image files, each with its captions; the files in the order in which they first come.

    pairs: (name, caption), of which one name may have several: "./a.jpg" and "a.jpg" are one. A blank caption only
    makes its name known.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]]):
        captions: dict[str, list[str]] = {}
        for name, caption in pairs:
            own = captions.setdefault(plain(name), [])
            if not blank(caption):
                own.append(unicode(caption))
        self._names = Strings(captions)
        self._texts = Strings(text for own in captions.values() for text in own)
        self._starts = np.cumsum([0, *(len(own) for own in captions.values())])

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> tuple[str, tuple[str, ...]]:
        """(name, its captions)"""
        return self._names[index], tuple(self._texts[i] for i in range(self._starts[index], self._starts[index + 1]))

    @property
    def names(self) -> Strings:
        return self._names

    def without_caption(self) -> Iterator[str]:
        for index in np.flatnonzero(np.diff(self._starts) == 0):
            yield self._names[index]

    def texts(self, limit: int) -> Iterator[str]:
        """The captions of at most `limit` files, evenly spread."""
        for index in range(0, len(self), max(1, -(-len(self) // limit))):
            yield from self[index][1]


def plain(name: str) -> str:
    """A path within a folder, without what leads nowhere: "./a//b.jpg" is "a/b.jpg". Nothing is done to ".."."""
    return str(PurePosixPath(name)) if "./" in name or "//" in name else name


def read_image(path: Path, **facts) -> Record:
    """The record of an image file, not decoded yet. Raises BrokenRecord where the file is missing or unreadable."""
    try:
        return Record(str(path), path.read_bytes(), **facts)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise BrokenRecord(str(path), unread(error, str(path))) from error


def unread(error: Exception, name: str) -> str:
    """Why a file of this name cannot be read, in words."""
    return f"the file cannot be read: {getattr(error, 'strerror', None) or error}{advice(name)}"


def advice(name: str) -> str:
    """What to do where a file of this name is not there, in brackets; "" for most."""
    if ADDRESS.search(name):
        return " (it is an address: fetch the file, and name it by its path)"
    return " (its path has backslashes, as on Windows: write / between folders)" if "\\" in name else ""


def existing_folder(path: str, source: str) -> Path:
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise UserError(f"{source}: {folder} is no folder; give the one that the images lie in")
    return folder
