"""PASCAL VOC's classification: pictures in which several classes may be (Everingham et al. 2010)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from tandemclip.core.data.account import Account, Tally
from tandemclip.core.data.records import BrokenRecord, Record
from tandemclip.core.data.sources.folder_or_tar import Files, open_files
from tandemclip.core.data.sources.image_files import Strings
from tandemclip.core.data.sources.prompts import PHOTO, Templates, checked, ensemble
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.texts import utf8
from tandemclip.core.errors import UserError
from tandemclip.core.identity import Identity, of_bytes, of_files

LISTS, PICTURES = "ImageSets/Main", "JPEGImages"
PRESENT = {"1": 1, "0": -1, "-1": 0}  # VOC's "0": difficult, which its evaluation does not ask


@dataclass(frozen=True)
class VocClasses(Source):
    """`JPEGImages/000005.jpg` by `ImageSets/Main/aeroplane_test.txt` and the like, one list a class: "000005 -1"; 1 is
    for a class that is in the picture, 0 for one that is hard to see, which is not asked. Classes are those that have a
    list, in alphabetical order, which is VOC's own. A picture that is not there is remarked, and broken when it is
    read. Raises UserError where there are no lists of the split, and where they are not of the same pictures.

    path: a folder like VOC2007, or a plain tar file of it. split: train, val, trainval or test. templates: what a
    class's name is put into, "{}" in each, or a set of them by name.
    """

    places = ("path",)
    multi_label = True

    path: str
    split: str = "test"
    templates: Templates = PHOTO

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Record:
        if not 0 <= index < len(self):
            raise IndexError(index)
        name = self._pictures[index]
        return Record(self._files.key(name), self._files.read(name), present=self._found[1][index])

    def labels(self) -> np.ndarray:
        return np.full(len(self), -1, np.int32)

    @property
    def class_names(self) -> tuple[str, ...]:
        return self._found[2]

    @property
    def prompts(self) -> dict[str, list[list[str]]]:
        templates = checked(self.templates)
        return {"class": [ensemble(name, templates) for name in self.class_names]}

    def texts(self, limit: int) -> Iterator[str]:
        for prompts in self.prompts["class"][:limit]:
            yield from prompts

    def account(self) -> tuple[Account, ...]:
        passed, remarks, present, known = Tally(), Tally(), self._found[1], set(self._pictures)
        for name in self._of_split():
            if name not in known:
                passed.add("it stands in no list of a class", name)
        for name in self._lists():
            if not _is_class(name):
                remarks.add("a list that names no class: it is not read", f"{LISTS}/{name}{self._end}")
        for name in self._files.missing(self._pictures):
            remarks.add("the file is not there", name)
        for index in np.flatnonzero(~(present == 1).any(1)):
            remarks.add("no class is in it, or one that is hard to see alone", self._pictures[index])
        count = len(self) + passed.total
        return (Account(self.path, "pictures of the lists", count, len(self), passed.counts, remarks.counts),)

    def identity(self) -> dict[str, Identity]:
        size = lambda number: self._files.size(self._pictures[number])
        found = of_files(bytes(self._pictures), size, len(self), self.path)
        names = of_bytes([bytes(Strings(self.class_names))], self.path, len(self.class_names), "class names")
        present = of_bytes([self._found[1].tobytes()], self.path, len(self), "records")
        return {**found, "present": present, "class_names": names}

    def __getstate__(self) -> dict:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def _files(self) -> Files:
        return open_files(self.path, "voc_classes")

    @property
    def _pictures(self) -> Strings:
        return self._found[0]

    @cached_property
    def _found(self) -> tuple[Strings, np.ndarray, tuple[str, ...]]:
        """(files of pictures, [N, C] int8 as `Record.present`, the classes)"""
        end, classes = self._end, tuple(filter(_is_class, self._lists()))
        if not classes:
            raise UserError(
                f"voc_classes: {self.path} has no list like {LISTS}/aeroplane{end}; expected VOC2007's folder, "
                "unpacked, and a split of it: train, val, trainval or test"
            )
        columns = [self._column(f"{LISTS}/{name}{end}") for name in classes]
        names = list(columns[0])
        for name, column in zip(classes, columns):
            if list(column) != names:
                raise UserError(
                    f"voc_classes: the lists of {name} and {classes[0]} are of other pictures: fetch both anew"
                )
        if not names:
            raise self._unlike(f"{LISTS}/{classes[0]}{end}", "it names no picture")
        present = np.array([list(column.values()) for column in columns], np.int8).T
        return Strings(map(_picture, names)), np.ascontiguousarray(present), classes

    @property
    def _end(self) -> str:
        return f"_{self.split}.txt"

    def _lists(self) -> list[str]:
        """What the lists of the split are called before their end."""
        return [name.removesuffix(self._end) for name in self._files.within(LISTS) if name.endswith(self._end)]

    def _of_split(self) -> list[str]:
        """The pictures of the split's own list, which need not be there."""
        own = f"{LISTS}/{self.split}.txt"
        return [_picture(words[0]) for words in self._rows(own)] if self._files.size(own) >= 0 else []

    def _column(self, list_: str) -> dict[str, int]:
        rows = self._rows(list_)
        try:
            column = {name: PRESENT[mark] for name, mark in rows}
        except (KeyError, ValueError) as error:
            raise self._unlike(list_, error) from error
        if len(column) < len(rows):
            ((twice, _),) = Counter(name for name, _ in rows).most_common(1)
            raise self._unlike(list_, f"{twice} stands there several times")
        return column

    def _rows(self, list_: str) -> list[list[str]]:
        """The words of each line that has some."""
        try:
            return [line.split() for line in utf8(self._files.read(list_)).splitlines() if line.strip()]
        except (BrokenRecord, ValueError) as error:
            raise self._unlike(list_, error) from error

    def _unlike(self, list_: str, why: object) -> UserError:
        return UserError(
            f'voc_classes: {self._files.key(list_)} is not as VOC has it ({why}); expected lines like "000005 -1"'
        )


def _is_class(name: str) -> bool:
    """Not so the "._cat" that a Mac writes beside "cat"."""
    return name != "" and name[0] != "."


def _picture(name: str) -> str:
    return f"{PICTURES}/{name}.jpg"
