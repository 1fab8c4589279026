"""A table of image files and captions as a source."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tandemclip.core.data.account import Account, Tally
from tandemclip.core.data.records import Record
from tandemclip.core.data.sources.image_files import Captioned, existing_folder, read_image
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.texts import MARK, ZERO, blank, odd, utf8
from tandemclip.core.errors import UserError
from tandemclip.core.identity import Identity, of_file, of_files, size_of

CARRIAGE_RETURNS = (
    "has carriage returns within, as old programs of a Mac end their lines; save the table with line feeds, or put a "
    "caption that has one in quotation marks"
)


@dataclass(frozen=True)
class CaptionsTable(Source):
    """The rows of a .csv or .tsv file in UTF-8 whose first row names the columns; several rows of one path are one
    record ("./a.jpg" and "a.jpg" are one path).

    path: the table. folder: where paths in it start; null: the table's own folder. path_column, caption_column: what
    the columns of paths and of captions are called.

    A .csv is quoted as usual (RFC
    4180). In a .tsv tabs and line ends separate always, quotation marks are text, except around and doubled in a whole
    field. In a .csv blanks before an opening quotation mark are no part of the field. A blank caption is none, and a
    row without a path is passed over. Raises UserError for a table or folder that is not there or not as described, and
    for a row that has more fields than the first: the caption holds a comma (tab) that is not quoted.
    """

    places = ("path", "folder")

    path: str
    folder: str | None = None
    path_column: str = "path"
    caption_column: str = "caption"

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Record:
        if not 0 <= index < len(self):
            raise IndexError(index)
        name, captions = self._rows[index]
        return read_image(self._folder / name, captions=captions)

    def texts(self, limit: int) -> Iterator[str]:
        return self._rows.texts(limit)

    @cached_property
    def _folder(self) -> Path:
        return existing_folder(self.folder or str(Path(self.path).parent), "captions_table")

    def account(self) -> tuple[Account, ...]:
        return self._content[1]

    def identity(self) -> dict[str, Identity]:
        names, folder = self._rows.names, self._folder
        size = lambda number: size_of(folder, names[number])
        return {**of_files(bytes(names), size, len(names), str(folder)), "table": of_file(self.path)}

    @property
    def _rows(self) -> Captioned:
        return self._content[0]

    @cached_property
    def _content(self) -> tuple[Captioned, tuple[Account, ...]]:
        path = Path(self.path).expanduser()
        if path.suffix.lower() not in (".csv", ".tsv"):
            raise UserError(
                f"captions_table: {path if self.path else 'an empty path'} does not end in .csv or .tsv; convert what "
                "you have to one of them, or rename it if it is one"
            )
        _ = self._folder  # complained of now, not at the first image
        try:
            found = self._read(path, blanks=False)
        except _Spaced:
            found = self._read(path, blanks=True)
        if not len(found[0]):
            raise UserError(f"captions_table: {path} has no rows with a path; expected one for each image and caption")
        return found

    def _read(self, path: Path, blanks: bool) -> tuple[Captioned, tuple[Account, ...]]:
        """blanks: those before a field are no part of it. Without it, _Spaced where they stand before a quoted one."""
        lines, passed, remarks, counts = _Lines(path), Tally(), Tally(), Counter()
        if path.suffix.lower() == ".tsv":
            fields = map(_fields, lines)
        else:
            fields = csv.reader(lines, strict=True, skipinitialspace=blanks)
            fields = fields if blanks else _unspaced(fields)
        try:
            images = Captioned(self._pairs(lines, fields, passed, remarks, counts))
        except OSError as error:
            raise UserError(f"captions_table: {path} cannot be read ({error.strerror}); correct the path") from error
        except csv.Error as error:
            if "new-line" in str(error):
                raise UserError(f"captions_table: {path} line {lines.number} {CARRIAGE_RETURNS}") from error
            do = "correct its quotation marks"
            if "limit" in str(error):
                do += ", of which one is not closed, or shorten the field"
            raise UserError(f"captions_table: {path} line {lines.number}: {error}; {do}") from error
        without = Tally()
        for name in images.without_caption():
            without.add("no caption", name)
        of_rows = Account(str(path), "rows", counts["all"], counts["read"], passed.counts, remarks.counts)
        return images, (of_rows, Account(str(path), "pictures", len(images), len(images), remarks=without.counts))

    def _pairs(
        self, lines: "_Lines", fields: Iterator[list[str]], passed: Tally, remarks: Tally, counts: Counter
    ) -> Iterator[tuple[str, str]]:
        """(path, caption) of each row that is read; counts gets "all" and "read"."""
        columns = [column.strip() for column in next(fields, [])]
        if any("\r" in column for column in columns):
            raise UserError(f"captions_table: {self.path} line {lines.number} {CARRIAGE_RETURNS}")
        path, caption = self._place(columns, "path_column"), self._place(columns, "caption_column")
        for row in fields:
            if row in ([], [""]):
                continue  # an empty line is no row
            if any(row[len(columns) :]):
                raise UserError(
                    f"captions_table: {self.path} line {lines.number} has {len(row)} fields, and the first row names "
                    f"{len(columns)}; put a caption with a {lines.separator} in quotation marks"
                )
            name, text = (row[place] if place < len(row) else "" for place in (path, caption))
            counts["all"] += 1
            if blank(name):
                passed.add("the row has no path", f"line {lines.number}")
                continue
            if len(row) < len(columns):
                remarks.add("the row has fewer fields than the first", f"line {lines.number}")
            elif blank(text):
                remarks.add("blank caption", f"line {lines.number}")
            if remark := odd(text):
                remarks.add(remark, f"line {lines.number}")
            counts["read"] += 1
            yield name.strip(), text

    def _place(self, columns: list[str], field: str) -> int:
        wanted = {"path_column": self.path_column, "caption_column": self.caption_column}[field]
        if columns.count(wanted) != 1:
            said = f"{wanted!r} several times" if wanted in columns else f"no {wanted!r}"
            said += self._otherwise_separated(columns)
            do = "rename all but one" if wanted in columns else "add a first row of names"
            raise UserError(
                f"captions_table: {self.path} has the columns {', '.join(columns) or '(none)'}, but {said}; "
                f"name the right one with {field}, or {do}"
            )
        return columns.index(wanted)

    def _otherwise_separated(self, columns: list[str]) -> str:
        """Advice where the first row has the wanted names, between other signs than this kind of table has."""
        for sign, name in {";": "semicolons", "\t": "tabs", ",": "commas", "|": "bars"}.items():
            if len(columns) == 1 and sign in columns[0] and self.path_column in columns[0].split(sign):
                return f" (its fields are between {name}: a .csv has commas, a .tsv tabs)"
        return ""


class _Spaced(Exception):
    """A blank stands before an opening quotation mark: fields of this table begin behind their blanks."""


def _unspaced(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    for row in rows:
        if any(field[:1] == " " and field.lstrip(" ")[:1] == '"' for field in row):
            raise _Spaced
        yield row


class _Lines:
    """The lines of a text file, split at line feeds only: captions may hold any other separator that Unicode has."""

    def __init__(self, path: Path):
        self.path, self.number = path, 0
        self.separator = "tab" if path.suffix.lower() == ".tsv" else "comma"

    def __iter__(self) -> Iterator[str]:
        with open(self.path, "rb") as file:
            for self.number, line in enumerate(file, 1):
                try:
                    yield utf8(line if self.number == 1 else MARK + line)  # a mark elsewhere is a letter
                except ValueError as error:
                    what = ZERO if b"\0" in line else "is not UTF-8"
                    raise UserError(
                        f"captions_table: {self.path} line {self.number} {what}; save the table as UTF-8"
                    ) from error


def _fields(line: str) -> list[str]:
    return [_unquoted(field) for field in line.rstrip("\r\n").split("\t")]


def _unquoted(field: str) -> str:
    if len(field) < 2 or not field[0] == field[-1] == '"' or '"' in field[1:-1].replace('""', ""):
        return field
    return field[1:-1].replace('""', '"')
