"""Which data and files a run reads beside its configuration: the same ones to its end."""

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tandemclip.core.errors import UserError

SIZED = 100_000  # files whose sizes are asked for: on a network drive each costs about a millisecond


@dataclass(frozen=True)
class Identity:
    """Of something that decides results and that a configuration names, but does not hold, such as a WordNet.

    sha256: of its content, in hexadecimal; equal ones give equal results. place: where it lies, which decides nothing.
    count: how many `unit` it has, e.g. 8 "records"; None: of something that nobody counts.
    """

    sha256: str
    place: str
    count: int | None = None
    unit: str = ""

    def __str__(self):
        return f"SHA-256 {self.sha256[:12]}, {self.place}"

    def to_json(self) -> dict:
        counted = {} if self.count is None else {"count": self.count, "unit": self.unit}
        return {"sha256": self.sha256, "place": self.place, **counted}

    def against(self, now: "Identity") -> str:
        """What differs between this one and another one of the same thing, in words."""
        if self.count is None or now.count is None:
            return f"{self} then and {now} now"
        if self.count != now.count:
            return f"{self.count:,} {self.unit} then and {now.count:,} now"
        return f"{self.count:,} {self.unit} then and now, but others"


def of_bytes(parts: Iterable[bytes], place: str, count: int, unit: str) -> Identity:
    """Of the parts behind one another, each with its length: so no two lists of parts look alike."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return Identity(digest.hexdigest(), place, count, unit)


def of_file(path: str) -> Identity:
    """Of the bytes of a file. UserError where it cannot be read."""
    place = Path(path).expanduser()
    try:
        with open(place, "rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            return Identity(sha256, str(path), file.tell(), "bytes")
    except OSError as error:
        raise UserError(f"{place} cannot be read ({error.strerror}); correct the path, or bring it back") from error


def of_files(names: bytes, size: Callable[[int], int], count: int, place: str) -> dict[str, Identity]:
    """{"names", "sizes"} of `count` files below `place`.

    names: their names relative to `place`, in order, as bytes. size: of the file of a number, in bytes, -1 where there
    is none. It is asked of SIZED files at most, at even distances.
    """
    sizes = np.array([size(number) for number in range(0, count, max(1, -(-count // SIZED)))], "<i8")
    return {
        "names": of_bytes([names], place, count, "records"),
        "sizes": of_bytes([sizes.tobytes()], place, len(sizes), "sizes of files"),
    }


def size_of(folder: Path, name: str) -> int:
    """Of a file, in bytes; -1 where there is none. By os.path, as making a Path costs more than asking the disk."""
    try:
        return os.stat(os.path.join(folder, name)).st_size
    except (OSError, ValueError):  # ValueError: a name with a NUL
        return -1
