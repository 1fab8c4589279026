"""What is said of each picture of a data set: its captions, or its class's name. Pictures are not decoded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tandemclip.core.data.account import Account, Tally
from tandemclip.core.data.records import BrokenRecord, Record
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.texts import blank, odd, utf8
from tandemclip.core.errors import UserError

NOTHING = "neither a caption nor a class with a name"
TABLES = (".csv", ".tsv")
ONE_LINE = 1 << 20  # bytes of a line; a file without line breaks is no list of captions


@dataclass(frozen=True)
class Said:
    """captions of one picture; or, where its captions are templates or missing, its class (and no captions)."""

    captions: tuple[str, ...] = ()
    class_name: str | None = None


class OfSource:
    """A source's records, in their order. `accounts` is whole once all were read."""

    pictures = True  # a sample is one

    def __init__(self, source: Source):
        self._source, self._spaces = source, source.class_spaces()
        self._passed_over, self._read = Tally(), 0

    def __len__(self) -> int:
        return len(self._source)

    def __iter__(self) -> Iterator[Said]:
        for number in range(len(self._source)):
            try:
                record = self._source[number]
            except BrokenRecord as error:
                self._passed_over.add(error.reason, error.key)
                continue
            said = self._said(record)
            if said is None:
                self._passed_over.add(NOTHING, record.key)
                continue
            self._read += 1
            yield said

    def _said(self, record: Record) -> Said | None:
        if record.captions and not record.prompted:
            return Said(record.captions)
        names = self._spaces.get(record.classes, ())
        if record.label is None or not 0 <= record.label < len(names):
            return None
        return Said(class_name=names[record.label])

    @property
    def accounts(self) -> tuple[Account, ...]:
        own = Account("its records", "records", len(self), self._read, self._passed_over.counts)
        return (*self._source.account(), own)


class OfLines:
    """A text file with a caption a line, in UTF-8. `accounts` is whole once all were read."""

    pictures = False  # nobody knows which lines are of one

    def __init__(self, path: Path):
        if path.suffix.lower() in TABLES:
            raise UserError(
                f"{path} is a table by its name, whose lines are more than captions; name it as a source: --source "
                f"NAME captions_table path={path}, or give a text file with a caption a line"
            )
        self._path = path
        self._passed_over, self._remarks, self._read = Tally(), Tally(), 0
        self._count = sum(1 for _ in self._lines())
        if not self._count:
            raise UserError(f"{path} is empty; give a text file with a caption a line")

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Said]:
        for number, line in enumerate(self._lines(), start=1):
            try:
                caption = utf8(line).strip()
            except ValueError:
                self._passed_over.add("not UTF-8", f"line {number}")
                continue
            if blank(caption):
                self._passed_over.add("blank", f"line {number}")
                continue
            if remark := odd(caption):
                self._remarks.add(remark, f"line {number}")
            self._read += 1
            yield Said((caption,))

    def _lines(self) -> Iterator[bytes]:
        try:
            with open(self._path, "rb") as file:
                while line := file.readline(ONE_LINE):
                    yield line
        except OSError as error:
            raise UserError(f"the captions {self._path} cannot be read ({error.strerror}); correct the path") from error

    @property
    def accounts(self) -> tuple[Account, ...]:
        account = Account(
            self._path.name, "lines", len(self), self._read, self._passed_over.counts, self._remarks.counts
        )
        return (account,)
