"""Files and folders that are whole or not there, whatever kills the program that writes them."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from tandemclip.core.errors import UserError


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which bears the name `path` (a hidden one till then) once it is whole and on the disk.

    Replaces what has that name; makes its folder. UserError where the disk refuses.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        sync(path.parent)
    except OSError as error:
        _remove(part)
        raise UserError(
            f"{path} cannot be written ({error.strerror or error}); make its folder writable, or free some space, and "
            "start again"
        ) from error
    except BaseException:
        _remove(part)
        raise


def refuse_unwritable(path: Path, instead: str = "another file") -> None:
    """Make the folder that `path` will lie in, before hours of work whose result goes there. UserError where nothing
    can be written there, which says to give `instead`. What has that name already stays as it is.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror or error}); give {instead}") from error


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which bears the name `path` (a hidden one till then) once all of it is on the disk.

    UserError where there is something of that name, or the disk refuses. What a killed program left half-way is
    removed.
    """
    path = path.absolute()
    part = path.with_name(f".{path.name}.part")
    if path.exists():
        raise UserError(f"{path} is there already, and nothing is overwritten; choose another folder, or remove it")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        yield part
        os.sync()  # all at once: to wait for each of many small files takes far longer
        os.rename(part, path)
        sync(path.parent)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise UserError(
            f"{path} cannot be written ({error.strerror or error}); make its folder writable, or free some space, and "
            "start again"
        ) from error
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _remove(part: Path) -> None:
    with suppress(OSError):  # not there, or not to be changed: the reason is already told
        part.unlink()


def sync(folder: Path) -> None:
    """Bring a folder's entries (names, renames) to the disk; syncing the files alone does not."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
