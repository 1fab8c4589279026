"""What lies where in a plain tar file, found by reading its headers."""

import posixpath
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from tandemclip.core.data.account import Counts, Tally, printable
from tandemclip.core.errors import UserError

BLOCK = 512  # bytes: a header, and the unit of the room that a member takes
Span = tuple[int, int]  # (offset, size) in bytes
NOWHERE = "it is a link to nothing in the tar file"


@dataclass(frozen=True)
class Members:
    """spans: {name: where its content lies} in the order of the file, links with the content that they lead to.

    all: how many members there are that are no folders. passed_over: those that have no content to read. A leading "./"
    is no part of a name; what in it is not UTF-8 is half a surrogate pair, as Python has it for names of files.
    """

    spans: dict[str, Span]
    all: int
    passed_over: Counts


def read_members(path: str) -> Members:
    """Of all archives that lie one behind the other in the file, as `cat a.tar b.tar` puts them.

    UserError where it is no plain tar file, is cut short, or has a name twice.
    """
    spans: dict[str, Span | None] = {}
    links: dict[str, str] = {}
    passed, count = Tally(), 0
    for member in _headers(path):
        name = member.name.removeprefix("./")
        if member.isdir():
            continue
        count += 1
        if member.issparse():
            passed.add("it is stored as a sparse file", name)
        elif not (member.isreg() or member.islnk() or member.issym()):
            passed.add("it is no file (a device, a pipe)", name)
        elif name in spans:
            raise UserError(
                f"{path} holds {printable(name)} twice, and nothing says which of the two is meant; rename one, or "
                "write the file again without it"
            )
        elif member.isreg():
            spans[name] = (member.offset_data, member.size)
        else:
            spans[name] = None
            links[name] = _target(member, name)
    found: dict[str, Span] = {}
    for name, span in spans.items():
        span = span or _followed(name, links, spans)
        if span is None:
            passed.add(NOWHERE, name)
        else:
            found[name] = span
    return Members(found, count, passed.counts)


def _target(member: tarfile.TarInfo, name: str) -> str:
    """Hard links name a member; symbolic ones go from the folder of the link."""
    start = "" if member.islnk() else posixpath.dirname(name)
    return posixpath.normpath(posixpath.join(start, member.linkname))


def _followed(name: str, links: dict[str, str], spans: dict[str, Span | None]) -> Span | None:
    seen = set()
    while name in links and name not in seen:
        seen.add(name)
        name = links[name]
    return spans.get(name)


def _headers(path: str) -> Iterator[tarfile.TarInfo]:
    try:
        with open(path, "rb") as file:
            start: int | None = 0
            while start is not None:
                file.seek(start)
                with tarfile.open(fileobj=file, mode="r:") as archive:
                    yield from _of_one(archive)
                    end = archive.offset
                start = _behind(file, end, path)
    except (tarfile.TarError, ValueError, OverflowError, IndexError, RecursionError) as error:
        raise UserError(
            f"shards: {path} is no plain tar file or is cut short ({error}); "
            "fetch it again, or unpack and tar it without compression"
        ) from error
    except OSError as error:
        raise UserError(f"shards: {path} cannot be read ({error.strerror}); correct the path") from error


def _of_one(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    last = -1
    for member in archive:
        archive.members = []  # tarfile would keep all of them in memory
        if member.offset_data <= last or member.size < 0:  # a header that leads backwards would be read for ever
            raise tarfile.ReadError(f"the header of {printable(member.name)} leads backwards")
        last = member.offset_data
        yield member


def _behind(file: BinaryIO, end: int, path: str) -> int | None:
    """Where the next archive begins behind an end mark at `end`; None where only zeros follow.

    tarfile takes a file cut between two members for a whole one; only this block of zeros tells them apart.
    """
    file.seek(end)
    if file.read(BLOCK) != bytes(BLOCK):
        raise UserError(
            f"shards: {path} is cut short or damaged: a tar file's end mark is missing at byte {end}; fetch it again"
        )
    place = end + BLOCK
    while part := file.read(1 << 16):
        if part.strip(b"\0"):
            return place + len(part) - len(part.lstrip(b"\0"))
        place += len(part)
    return None
