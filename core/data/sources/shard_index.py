"""Where each record lies within a plain tar file: found once by reading the headers, and kept in a file.

An index is a numpy record array in a file of its own, of which only the entries that are asked for are read: ten
million records cost no memory, and nothing to send to another process.
"""

import os
import tarfile
from functools import partial

import numpy as np

from tandemclip.core.data.sources.file_cache import Stamp, cached
from tandemclip.core.errors import UserError

IMAGES = ("jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "gif")
KINDS = {**dict.fromkeys(IMAGES, "image"), "json": "json", "txt": "txt", "cls": "cls", "rois.npy": "rois"}
SPAN = np.dtype([("offset", "<i8"), ("size", "<i8")])  # in bytes; size -1 where the record has no such member


def read_index(shard: Stamp) -> np.ndarray:
    """[records] with fields key (bytes) and, for image, json, txt, cls and rois, the SPAN of its data in the file."""
    return cached(shard, "index", partial(_scan, shard.path))


class Entries:
    """The entries of an index, each read when it is asked for. Through the map, every page around an entry ever read
    would count as this process's memory: with 10^7 records, most of a gigabyte soon."""

    def __init__(self, index: np.memmap):
        self._file, self._offset, self._dtype = open(index.filename, "rb", buffering=0), index.offset, index.dtype

    def __getitem__(self, number: int) -> np.void:
        size = self._dtype.itemsize
        return np.frombuffer(os.pread(self._file.fileno(), size, self._offset + number * size), self._dtype)[0]


def members(path: str) -> dict[str, dict[str, tuple[int, int]]]:
    """{record's key: {kind, e.g. "jpg": (offset, size) of that member}} in the order of the file.

    Reads the headers of a tar file from the first to the end-of-archive mark; UserError where it is no plain one or cut
    short.
    """
    records: dict[str, dict[str, tuple[int, int]]] = {}
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                archive.members = []  # tarfile would keep all of them in memory
                folder, _, name = member.name.rpartition("/")
                stem, _, kind = name.partition(".")
                if member.isreg() and kind:
                    spans = records.setdefault(f"{folder}/{stem}" if folder else stem, {})
                    spans[kind] = (member.offset_data, member.size)
            archive.fileobj.seek(archive.offset)
            # tarfile takes a file cut between two members for a whole one; only this block tells them apart.
            whole = archive.fileobj.read(512) == bytes(512)
    except tarfile.ReadError as error:
        raise UserError(
            f"shards: {path} is no plain tar file or is cut short ({error}); "
            "fetch it again, or unpack and tar it without compression"
        ) from error
    if not whole:
        raise UserError(f"shards: {path} is cut short: a tar file's end mark is missing; fetch or write it again")
    return records


def _scan(path: str) -> np.ndarray:
    records = {
        key: {KINDS[kind.lower()]: span for kind, span in spans.items() if kind.lower() in KINDS}
        for key, spans in members(path).items()
    }
    return _array({key: spans for key, spans in records.items() if "image" in spans})


def _array(records: dict[str, dict[str, tuple[int, int]]]) -> np.ndarray:
    keys = np.array([key.encode() for key in records], dtype=np.bytes_)
    kinds = sorted(set(KINDS.values()))
    fields = [("key", keys.dtype if len(keys) else "S1"), *((kind, SPAN) for kind in kinds)]
    array = np.zeros(len(records), np.dtype(fields))
    array["key"] = keys
    for kind in kinds:
        array[kind] = [spans.get(kind, (0, -1)) for spans in records.values()]
    return array
