"""What archives of pictures with one class each have in common: a list of files, their classes, and what these are
called.
"""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from tandemclip.core.data.account import Account, Counts, Tally
from tandemclip.core.data.records import BrokenRecord, Record
from tandemclip.core.data.sources.class_names import read_class_names, repeated
from tandemclip.core.data.sources.folder_or_tar import Files, open_files
from tandemclip.core.data.sources.image_files import Strings
from tandemclip.core.data.sources.prompts import PHOTO, Templates, checked, ensemble
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.texts import not_blank, unicode, utf8
from tandemclip.core.errors import UserError
from tandemclip.core.identity import Identity, of_bytes, of_file, of_files


@dataclass(frozen=True, eq=False)
class Listed:
    """What an archive's own lists say.

    pictures: names of files below its folder, in the order of the list. labels: [N], the class of each. names: what the
    classes are called, by number; () where the archive does not say. passed_over: of the lines that name no picture of
    this split or class, by reason. unit: what is counted, in the plural.
    """

    pictures: Sequence[str]
    labels: Sequence[int]
    names: tuple[str, ...]
    passed_over: Counts
    unit: str = "pictures of the lists"


@dataclass(frozen=True)
class Labelled(Source):
    """An official archive whose pictures have one class each.

    path: the folder that it was unpacked to, or a plain tar file of it. templates: what a class's name is put into,
    "{}" in each, or a set of them by name. classes: a JSON file with the list of the classes' names in the archive's
    own order; null: the archive's names, in which an underscore stands for a blank.

    A picture that a list names and that is not there is remarked, and broken when it is read. Raises UserError where a
    list is missing or not as expected, and where neither the archive nor `classes` names all classes.
    """

    places = ("path", "classes")

    path: str
    templates: Templates = PHOTO
    classes: str | None = None

    @abstractmethod
    def listed(self) -> Listed:
        """Read from the archive's lists, once."""

    def picture(self, number: int) -> bytes | np.ndarray:
        """The encoded file, or [H, W, 3] uint8. Raises BrokenRecord where it cannot be read."""
        return self.files.read(self.pictures[number])

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Record:
        if not 0 <= index < len(self):
            raise IndexError(index)
        label = int(self._labels[index])
        key, captions = self.files.key(self.pictures[index]), tuple(self._prompts[label])
        return Record(key, self.picture(index), captions, label=label, prompted=True)

    def labels(self) -> np.ndarray:
        return self._labels

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        own = tuple(unicode(" ".join(name.replace("_", " ").split())) for name in self._listed.names)
        names = own if self.classes is None else tuple(read_class_names(self.classes))
        least = len(own) or 1 + int(self._labels.max())
        if len(names) < least or own and len(names) > least:
            said = (
                f"{self.classes} names {len(names)}"
                if self.classes
                else "the archive does not say what they are called"
            )
            raise UserError(
                f"{self._type}: {self.path} has {least} classes, and {said}; give a list of all by classes="
            )
        return names

    @property
    def prompts(self) -> dict[str, list[list[str]]]:
        return {"class": [list(prompts) for prompts in self._prompts]}

    @cached_property
    def _prompts(self) -> list[list[str]]:
        templates = checked(self.templates)
        return [ensemble(name, templates) for name in self.class_names]

    def texts(self, limit: int) -> Iterator[str]:
        for prompts in self._prompts[:limit]:
            yield from prompts

    def account(self) -> tuple[Account, ...]:
        passed, remarks, count = self._listed.passed_over, Tally(), len(self)
        for name in self.missing():
            remarks.add("the file is not there", name)
        for name in (name for name, times in Counter(self.pictures).items() if times > 1):
            remarks.add("it is listed several times, and read as often", name)
        for name in repeated(self.class_names):
            remarks.add("a class shares its name, up to case, with another", name)
        out = sum(named.count for named in passed.values())
        return (Account(self.path, self._listed.unit, count + out, count, passed, remarks.counts),)

    def missing(self) -> list[str]:
        """The listed pictures that are not there."""
        return self.files.missing(self.pictures)

    def identity(self) -> dict[str, Identity]:
        """Of the pictures' names and sizes, their classes, and what these are called."""
        size = lambda number: self.files.size(self.pictures[number])
        found = of_files(bytes(self.pictures), size, len(self), self.path)
        return {**found, **self.identity_of_classes()}

    def identity_of_classes(self) -> dict[str, Identity]:
        labels = of_bytes([self._labels.astype("<i4").tobytes()], self.path, len(self), "labels")
        own = self._listed.names
        names = of_bytes([bytes(Strings(own))], self.path, len(own), "class names")
        return {"labels": labels, "class_names": names if self.classes is None else of_file(self.classes)}

    def __getstate__(self) -> dict:
        """Another process reads the lists again: they are short, and what they lead to need not be."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def files(self) -> Files:
        return open_files(self.path, self._type)

    def lines(self, name: str) -> list[str]:
        """The lines of a list that are not blank, without blanks around them."""
        try:
            return not_blank(utf8(self.content(name)))
        except ValueError as error:
            raise UserError(f"{self._type}: {self.files.key(name)}: {error}") from error

    def content(self, name: str) -> bytes:
        """Of a file that the archive must have."""
        try:
            return self.files.read(name)
        except BrokenRecord as error:
            raise UserError(
                f"{self._type}: {self.files.key(name)} cannot be read ({error.why}); expected the official archive, "
                "unpacked: `tandemclip prepare fetch-help` says where each comes from, and what to unpack where"
            ) from error

    def unlike(self, name: str, line: object) -> UserError:
        """The error about a line of a list that is not as expected."""
        return UserError(
            f"{self._type}: {self.files.key(name)} has {line!r:.80}, which is not as the official list has it; fetch "
            "the archive again"
        )

    @property
    def _type(self) -> str:
        """As a configuration calls it, which is how the modules of this folder are called."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def pictures(self) -> Strings:
        return self._found[1]

    @property
    def _listed(self) -> Listed:
        return self._found[0]

    @property
    def _labels(self) -> np.ndarray:
        return self._found[2]

    @cached_property
    def _found(self) -> tuple[Listed, Strings, np.ndarray]:
        listed = self.listed()
        if not len(listed.pictures):
            raise UserError(f"{self._type}: {self.path} lists no picture; expected the official archive, unpacked")
        labels = np.asarray(listed.labels, np.int32)
        if listed.names and labels.max() >= len(listed.names):
            raise UserError(
                f"{self._type}: {self.path} has a picture of class {labels.max()}, from 0, and the names of "
                f"{len(listed.names)} classes; fetch the archive again"
            )
        class_of: dict[str, int] = {}
        for name, label in zip(listed.pictures, labels.tolist()):
            if class_of.setdefault(name, label) != label:
                raise self.unlike(name, f"the classes {class_of[name]} and {label}, from 0")
        return listed, Strings(listed.pictures), labels
