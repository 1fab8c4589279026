"""Where each record lies within a plain tar file: found once by reading the headers, and kept in a file.

An index is a numpy record array in a file of its own, of which only the entries that are asked for are read: ten
million records cost no memory, and nothing to send to another process. Beside it lies the account of the file.
"""

import hashlib
import json
import os
from functools import partial

import numpy as np

from tandemclip.core.data.account import Account, Named, Tally
from tandemclip.core.data.sources.file_cache import Stamp, cached
from tandemclip.core.data.sources.shard_keys import Groups, grouped
from tandemclip.core.data.sources.tar_members import Span, read_members
from tandemclip.core.data.texts import unicode

SPAN = np.dtype([("offset", "<i8"), ("size", "<i8")])  # in bytes; size -1 where the record has no such member
KINDS = ("cls", "image", "json", "rois", "txt")
UNIT = "members of tar files"
BLOCK = 65_536  # entries of an index read at a time
NO_PICTURE = "there is no picture of its name"


def read_index(shard: Stamp) -> np.ndarray:
    """[records] with fields key (bytes) and, for image, json, txt, cls and rois, the SPAN of its data in the file."""
    return cached(shard, "index", partial(_found, shard))


def read_account(shard: Stamp) -> Account:
    """Of the members of the file that are no folders."""
    found = cached(shard, "account", lambda: as_array(_scan(shard.path)[1]))
    return Account.from_json(json.loads(found.tobytes()))


def read_identity(shard: Stamp) -> bytes:
    """[64]: a SHA-256 of the names of the records, and one of where their members lie and how long they are."""
    return cached(shard, "identity", lambda: _identity(read_index(shard))).tobytes()


class Entries:
    """The entries of an index, each read when it is asked for. Through the map, every page around an entry ever read
    would count as this process's memory: with 10^7 records, most of a gigabyte soon."""

    def __init__(self, index: np.memmap):
        self._file, self._offset, self._dtype = open(index.filename, "rb", buffering=0), index.offset, index.dtype

    def __getitem__(self, number: int) -> np.void:
        size = self._dtype.itemsize
        return np.frombuffer(os.pread(self._file.fileno(), size, self._offset + number * size), self._dtype)[0]


def as_array(account: Account) -> np.ndarray:
    """[bytes] uint8, as the cache keeps it."""
    return np.frombuffer(json.dumps(account.to_json()).encode(), np.uint8)


def _found(shard: Stamp) -> np.ndarray:
    index, account = _scan(shard.path)
    cached(shard, "account", lambda: as_array(account))
    return index


def _identity(index: np.memmap) -> np.ndarray:
    """[2, 32] uint8. Kinds that no record has count for nothing. Entries are read, not mapped: see `Entries`."""
    names, spans = hashlib.sha256(), hashlib.sha256()
    with open(index.filename, "rb") as file:
        file.seek(index.offset)
        while len(part := np.fromfile(file, index.dtype, BLOCK)):
            names.update(part["key"].tobytes())
            for kind in KINDS:
                if (part[kind]["size"] >= 0).any():
                    spans.update(kind.encode() + part[kind].tobytes())
    return np.frombuffer(names.digest() + spans.digest(), np.uint8).reshape(2, 32)


def _scan(path: str) -> tuple[np.ndarray, Account]:
    members = read_members(path)
    groups = grouped(members.spans, path)
    records = {
        key: {kind: members.spans[name] for kind, name in kinds.items()}
        for key, kinds in groups.records.items()
        if "image" in kinds
    }
    return _array(records), _account(path, members.all, members.passed_over, groups)


def _account(path: str, count: int, passed_over, groups: Groups) -> Account:
    """Members of records are read, all others passed over."""
    base, passed, remarks, read = os.path.basename(path), Tally(), Tally(), 0
    for reason, names in groups.no_key.items():
        for name in names:
            passed.add(reason, f"{base}:{name}")
    for key, kinds in groups.records.items():
        if "image" in kinds:
            read += len(kinds)
            if len(kinds) == 1:
                remarks.add("a picture alone, without a json, txt or cls", f"{base}:{key}")
            if unicode(key) != key:
                remarks.add("its name is not UTF-8", f"{base}:{key}")
            continue
        for name in kinds.values():
            passed.add(NO_PICTURE, f"{base}:{name}")
    for key in groups.split:
        remarks.add("names split at the last dot, as several have what stands before the first", f"{base}:{key}")
    for reason, named in passed_over.items():
        passed.merge({reason: Named(named.count, tuple(f"{base}:{name}" for name in named.first))})
    return Account(base, UNIT, count, read, passed.counts, remarks.counts)


def _array(records: dict[str, dict[str, Span]]) -> np.ndarray:
    keys = np.array([key.encode("utf-8", "surrogateescape") for key in records], dtype=np.bytes_)
    fields = [("key", keys.dtype if len(keys) else "S1"), *((kind, SPAN) for kind in KINDS)]
    array = np.zeros(len(records), np.dtype(fields))
    array["key"] = keys
    for kind in KINDS:
        array[kind] = [spans.get(kind, (0, -1)) for spans in records.values()]
    return array
