"""A cache of what was found in a file: an array in a file of its own."""

import glob
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tandemclip.core.errors import UserError

VERSION = 3


class Stamp(NamedTuple):
    """One state of one file: what was found belongs to exactly that."""

    path: str
    size: int
    modified: int  # ns


def stamp(path: str) -> Stamp:
    try:
        status = os.stat(path)
    except OSError as error:
        raise UserError(
            f"shards: {path} cannot be opened ({error.strerror}); correct the path, or fetch the file"
        ) from error
    return Stamp(os.path.abspath(path), status.st_size, status.st_mtime_ns)


def cached(file: Stamp, kind: str, find: Callable[[], np.ndarray]) -> np.memmap:
    """The array of this kind that `find` gives of a file, found anew where there is none yet for this state of it."""
    for place in places(file, kind):
        try:
            return np.lib.format.open_memmap(place, mode="r")
        except (OSError, ValueError):
            continue  # none here, or one that is not whole: another place, or it is found again
    found, failures = find(), []
    for place in places(file, kind):
        try:
            store(place, found)
            return np.lib.format.open_memmap(place, mode="r")
        except OSError as error:
            failures.append(f"{place.parent}: {error.strerror}")
    raise UserError(
        f"shards: the {kind} of {file.path} can be written nowhere ({'; '.join(failures)}); "
        "set XDG_CACHE_HOME to a folder that can be written"
    )


def places(file: Stamp, kind: str) -> list[Path]:
    """Where the cache may lie: next to the file, else in the user's cache, else in the temporary directory."""
    state = f"{file.size}-{file.modified}.v{VERSION}.{kind}.npy"  # what was found in another state is not taken
    name = f"{hashlib.sha256(os.fsencode(file.path)).hexdigest()[:32]}.{state}"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    adjacent = Path(f"{file.path}.{state}")
    others = [root / "tandemclip" / name for root in (cache, Path(tempfile.gettempdir()))]
    # By the folder's own mode, not by trying: root may write into folders that are marked read-only for good reason.
    return [adjacent, *others] if adjacent.parent.stat().st_mode & stat.S_IWUSR else others


def store(place: Path, found: np.ndarray) -> None:
    """Whole or not at all, as other processes may look for it at this moment; those of earlier states go."""
    place.parent.mkdir(parents=True, exist_ok=True)
    file, _, _, kind, _ = place.name.rsplit(".", 4)
    with tempfile.NamedTemporaryFile(dir=place.parent, suffix=".part", delete=False) as part:
        try:
            np.save(part, found)
            os.replace(part.name, place)
        except OSError:
            os.unlink(part.name)
            raise
    for other in place.parent.glob(f"{glob.escape(file)}.*.{kind}.npy"):
        if other != place:
            other.unlink(missing_ok=True)
