"""A table of image files and captions as a source."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from tandemclip.core.data.records import BrokenRecord, Record
from tandemclip.core.data.sources.image_files import Captioned, existing_folder, read_image
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError


@dataclass(frozen=True)
class CaptionsTable(Source):
    """The rows of a .csv or .tsv file in UTF-8 whose first row names the columns; several rows of one path are one
    record.

    path: the table. folder: where paths in it start; null: the table's own folder. path_column, caption_column: what
    the columns of paths and of captions are called.

    A .csv is quoted as usual (RFC
    4180). In a .tsv tabs and line ends separate always, quotation marks are text, except around and doubled in a whole
    field. A blank caption is none. Raises UserError for a table or folder that is not there or not as described.
    """

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
        if name.startswith("\0"):
            raise BrokenRecord(f"{self.path}:{name[1:]}", "the row has no path")
        return read_image(self._folder / name, captions=captions)

    def texts(self, limit: int) -> Iterator[str]:
        return self._rows.texts(limit)

    @cached_property
    def _folder(self) -> Path:
        return existing_folder(self.folder or str(Path(self.path).parent), "captions_table")

    @cached_property
    def _rows(self) -> Captioned:
        path = Path(self.path).expanduser()
        if path.suffix.lower() not in (".csv", ".tsv"):
            raise UserError(f"captions_table: {path} does not end in .csv or .tsv; rename it to what it is")
        lines = _Lines(path)
        fields = csv.reader(lines, strict=True) if path.suffix.lower() == ".csv" else map(_fields, lines)
        _ = self._folder  # complained of now, not at the first image
        try:
            rows = Captioned(self._pairs(lines, fields))
        except OSError as error:
            raise UserError(f"captions_table: {path} cannot be read ({error.strerror}); correct the path") from error
        except csv.Error as error:
            raise UserError(
                f"captions_table: {path} line {lines.number}: {error}; correct its quotation marks"
            ) from error
        if not len(rows):
            raise UserError(f"captions_table: {path} has no rows; expected one for each image and caption")
        return rows

    def _pairs(self, lines: "_Lines", rows: Iterator[list[str]]) -> Iterator[tuple[str, str]]:
        columns = [column.strip() for column in next(rows, [])]
        for wanted, field in ((self.path_column, "path_column"), (self.caption_column, "caption_column")):
            if wanted not in columns:
                raise UserError(
                    f"captions_table: {self.path} has the columns {', '.join(columns) or '(none)'}, but no {wanted!r}; "
                    f"name the right one with {field}, or add a first row of names"
                )
        path, caption = columns.index(self.path_column), columns.index(self.caption_column)
        for row in rows:
            if any(row):
                name = row[path].strip() if len(row) > path else ""
                yield name or f"\0line {lines.number}", row[caption] if len(row) > caption else ""


class _Lines:
    """The lines of a text file, split at line feeds only: captions may hold any other separator that Unicode has."""

    def __init__(self, path: Path):
        self.path, self.number = path, 0

    def __iter__(self) -> Iterator[str]:
        with open(self.path, "rb") as file:
            for self.number, line in enumerate(_without_mark(file), 1):
                try:
                    yield line.decode("utf-8")
                except UnicodeDecodeError as error:
                    raise UserError(
                        f"captions_table: {self.path} line {self.number} is not UTF-8 ({error.reason}); save the table "
                        "as UTF-8"
                    ) from error


def _without_mark(file: BinaryIO) -> BinaryIO:
    if file.read(3) != b"\xef\xbb\xbf":  # the byte order mark that Excel writes
        file.seek(0, io.SEEK_SET)
    return file


def _fields(line: str) -> list[str]:
    return [_unquoted(field) for field in line.rstrip("\r\n").split("\t")]


def _unquoted(field: str) -> str:
    if len(field) < 2 or not field[0] == field[-1] == '"' or '"' in field[1:-1].replace('""', ""):
        return field
    return field[1:-1].replace('""', '"')
