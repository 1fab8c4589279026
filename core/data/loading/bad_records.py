"""The list of records that a run leaves out, `data.bad_records` of a configuration; `tools/prepare.py check` writes it.

A text file: how many records the data hold, then one line for each bad one: its number, its key and why, between tabs.
Numbers let the loader pass over a record without reading it; keys show that they are numbers of these very data.
"""

import re
from pathlib import Path

from tandemclip.core.data.account import printable
from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError

PROBES = (
    100  # records whose key is compared: some tell other data apart, and reading all of a long list would take long
)
AGAIN = "write it again with `tandemclip prepare check`, for the same data.train"


def write(path: Path, records: int, bad: list[tuple[int, str, str]]) -> None:
    """bad: (number, key, why) of each, of a source of so many `records`."""
    lines = [f"# bad of {records} records: number, key, why"]
    lines += [f"{number}\t{_one_line(key)}\t{_one_line(why)}" for number, key, why in sorted(bad)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogateescape")


def read(path: str | None, source: Source) -> frozenset[int]:
    """The numbers of the bad records; none where there is no list. UserError for a list of other data than `source`."""
    if path is None:
        return frozenset()
    try:
        head, *lines = Path(path).read_text(encoding="utf-8", errors="surrogateescape").rstrip("\n").split("\n")
    except OSError as error:
        raise UserError(
            f"data.bad_records: {path} cannot be read ({error.strerror}); {AGAIN}, or leave it out"
        ) from error
    records = re.match(r"# bad of (\d+) records", head)
    entries = [re.match(r"(\d+)\t([^\t]+)\t", line) for line in lines]
    if records is None or not all(entries):
        raise UserError(f"data.bad_records: {path} is no list of bad records; {AGAIN}")
    keys = {int(entry[1]): entry[2] for entry in entries}
    if int(records[1]) != len(source):
        raise UserError(
            f"data.bad_records: {path} is of {records[1]} records, and data.train has {len(source)}; {AGAIN}"
        )
    if len(keys) > len(source) // 2:
        raise UserError(
            f"data.bad_records: {path} lists {len(keys)} of {len(source)} records, more than half; "
            "repair the data, or write new shards without them"
        )
    for number in list(keys)[:: max(1, len(keys) // PROBES)]:
        found = _key(source, number)
        if _name(found) != _name(_one_line(keys[number])):  # older lists have names as they are
            raise UserError(
                f"data.bad_records: {path} has {keys[number]} as record {number}, and in data.train that is {found}; "
                f"{AGAIN}"
            )
    return frozenset(keys)


def _key(source: Source, number: int) -> str:
    try:
        return _one_line(source[number].key)
    except BrokenRecord as error:
        return _one_line(error.key)
    except IndexError:
        return "none"


def _name(key: str) -> str:
    """Without its folder: data may have moved since."""
    return key.rsplit("/", 1)[-1]


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))
