"""PASCAL VOC's annotations as a source: pictures with boxes and categories."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from xml.etree import ElementTree

from tandemclip.core.data.account import Account, Tally
from tandemclip.core.data.boxes import outside, upright_box
from tandemclip.core.data.records import OUTSIDE, BrokenRecord, Object, Record
from tandemclip.core.data.sources.folder_or_tar import Files, open_files
from tandemclip.core.data.sources.image_files import Strings
from tandemclip.core.data.sources.kinds import is_picture
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.texts import unicode, utf8
from tandemclip.core.errors import UserError
from tandemclip.core.identity import Identity, of_bytes, of_files

NO_XML = "there is no NNN.xml"
ANNOTATIONS, PICTURES, LISTS = "Annotations", "JPEGImages", "ImageSets/Main"


@dataclass(frozen=True)
class VocObjects(Source):
    """The pictures of a folder like VOC2007, by their names: Annotations/000005.xml is of JPEGImages/000005.jpg.

    path: that folder, or a tar file of it; or one that has NNN.xml and NNN.jpg side by side. split: a list of
    ImageSets/Main, e.g. "trainval"; all annotations where none is named. VOC counts pixels from 1, and xmax is the last
    pixel inside: pixels 1 to 50 of a picture 100 wide are the box 0 to 0.5. An object's phrase is its category.
    Categories are all that the annotations of the folder have, in alphabetical order, which is VOC's own. Marks:
    "difficult" and "truncated". A picture is looked for by its name and any ending of pictures, as copies of VOC were
    converted; one of another shape than its annotation says, or with a box that is upside down or not of finite
    numbers, is broken. An annotation may be in any encoding that it declares and Python's XML reader knows. Raises
    UserError where there is no such folder, list or annotation.
    """

    places = ("path",)

    path: str
    split: str | None = None

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> Record:
        if not 0 <= index < len(self):
            raise IndexError(index)
        picture, size, objects = self._annotation(self._names[index])
        remarks = (OUTSIDE,) if any(outside(thing.box) for thing in objects) else ()
        return Record(self._files.key(picture), self._files.read(picture), objects=objects, remarks=remarks, size=size)

    @cached_property
    def categories(self) -> tuple[str, ...]:
        found: set[str] = set()
        for name in self._annotated:
            with suppress(BrokenRecord):  # named when its picture is read
                found.update(thing.category for thing in self._annotation(name)[2])
        return tuple(sorted(found))

    def texts(self, limit: int) -> Iterator[str]:
        for index in range(0, len(self), max(1, -(-len(self) // limit))):
            with suppress(BrokenRecord):  # named when its picture is read
                yield from (thing.phrase for thing in self._annotation(self._names[index])[2])

    def account(self) -> tuple[Account, ...]:
        """Of the names that annotations, pictures or the list have; a picture's ending does not matter here."""
        annotated, listed = set(map(str, self._annotated)), list(self._names)
        depicted = self._depicted.keys()
        passed, remarks, read = Tally(), Tally(), 0
        for name, times in Counter(listed).items():
            if times > 1:
                remarks.add(f"{self.split}.txt has it several times", name)
            if name not in annotated:
                passed.add(NO_XML, name)
            elif name not in depicted:
                passed.add("there is no picture of its name", name)
            else:
                read += 1
                if len(self._depicted[name]) > 1:
                    remarks.add("there are several pictures of its name", name)
        for name in sorted((annotated | set(depicted)) - set(listed)):
            passed.add(f"{self.split}.txt does not have it" if name in annotated else NO_XML, name)
        count = len(annotated | set(depicted) | set(listed))
        return (Account(self.path, "names", count, read, passed.counts, remarks.counts),)

    def identity(self) -> dict[str, Identity]:
        files = [self._depicted.get(name, [""])[0] for name in self._names]
        size = lambda number: self._files.size(str(PurePosixPath(self._pictures, files[number])))
        found = of_files(bytes(Strings(files)), size, len(files), self.path)
        annotations = (self._xml(name) for name in self._names)
        return {**found, "annotations": of_bytes(annotations, self.path, len(files), "annotations")}

    def _xml(self, name: str) -> bytes:
        """b"" where it is missing: such a record is broken, and named when it is read."""
        with suppress(BrokenRecord):
            return self._files.read(str(PurePosixPath(self._folder, f"{name}.xml")))
        return b""

    def _annotation(self, name: str) -> tuple[str, tuple[float, float], tuple[Object, ...]]:
        """-> (the picture's file, its height and width, its objects)"""
        file = str(PurePosixPath(self._folder, f"{name}.xml"))
        text = self._files.read(file)
        try:
            root = ElementTree.fromstring(text)
            width, height = (_number(root, f"size/{side}") for side in ("width", "height"))
            if not (width > 0 and height > 0):
                raise ValueError(f"size is {width:g} x {height:g}")
            # The file's own name, as copies of VOC were renamed and still have the old <filename>.
            suffix = PurePosixPath(root.findtext("filename") or "").suffix or ".jpg"
            objects = tuple(_object(thing, width, height) for thing in root.iter("object"))
        except (ElementTree.ParseError, LookupError, ValueError) as error:  # LookupError: an encoding that is none
            raise BrokenRecord(
                self._files.key(file), f"it is no annotation as PASCAL VOC has it: {_in_words(error)}"
            ) from error
        return self._picture(name, suffix), (height, width), objects

    def _picture(self, name: str, suffix: str) -> str:
        """The file of that ending, or the one that there is."""
        file = name + suffix
        others = self._depicted.get(name, [file])
        return str(PurePosixPath(self._pictures, file if file in others else others[0]))

    @property
    def _pictures(self) -> str:
        return PICTURES if self._folder else ""

    @cached_property
    def _depicted(self) -> dict[str, list[str]]:
        """{name: the files of pictures that have it}"""
        found: dict[str, list[str]] = {}
        for file in filter(is_picture, self._files.within(self._pictures)):
            found.setdefault(file.rpartition(".")[0], []).append(file)
        return found

    @cached_property
    def _files(self) -> Files:
        return open_files(self.path, "voc_objects")

    @cached_property
    def _folder(self) -> str:
        """Where the annotations lie within `path`: "" where pictures lie beside them."""
        return ANNOTATIONS if self._files.within(ANNOTATIONS) else ""

    @cached_property
    def _annotated(self) -> Strings:
        files = self._files.within(self._folder)
        names = [name.removesuffix(".xml") for name in files if name.endswith(".xml") and name[0] != "."]
        if not names:
            raise UserError(
                f"voc_objects: {self.path} has no annotations; expected Annotations/NNN.xml and JPEGImages/NNN.jpg, or "
                "NNN.xml beside NNN.jpg"
            )
        return Strings(names)

    @cached_property
    def _names(self) -> Strings:
        if self.split is None:
            return self._annotated
        place = f"{LISTS}/{self.split}.txt"
        try:
            lines = [line.split() for line in utf8(self._files.read(place)).splitlines()]
        except (BrokenRecord, ValueError) as error:
            why = error.why if isinstance(error, BrokenRecord) else error
            known = [name.removesuffix(".txt") for name in self._files.within(LISTS)]
            raise UserError(
                f"voc_objects: the list {place} cannot be read ({why}); split is one of "
                f"{', '.join(known) or '(no list)'}"
            ) from error
        if any(len(line) > 1 for line in lines):
            raise UserError(
                f"voc_objects: {place} says of one category which pictures have it; name a list of pictures, such as "
                "trainval"
            )
        if not any(lines):
            raise UserError(f"voc_objects: the list {place} is empty, expected a picture's name a line; name another")
        return Strings(line[0] for line in lines if line)


def _object(thing: ElementTree.Element, width: float, height: float) -> Object:
    """ValueError, in words, for what is none."""
    x1, y1, x2, y2 = (_number(thing, f"bndbox/{edge}") for edge in ("xmin", "ymin", "xmax", "ymax"))
    name = unicode(_text(thing, "name"))
    marks = frozenset(mark for mark in ("difficult", "truncated") if _is_marked(thing, mark))
    return Object(
        box=upright_box(((x1 - 1) / width, (y1 - 1) / height, x2 / width, y2 / height)),
        phrase=name,
        category=name,
        marks=marks,
    )


def _is_marked(thing: ElementTree.Element, mark: str) -> bool:
    said = (thing.findtext(mark) or "").strip()
    if said.lower() not in ("", "0", "1", "unspecified"):
        raise ValueError(f"{mark} is {said!r:.40}, expected 0 or 1")
    return said == "1"


def _number(element: ElementTree.Element, path: str) -> float:
    found = _text(element, path)
    if "_" in found:  # Python reads 1_0 as 10
        raise ValueError(f"{path} is {found!r:.40}, expected a number")
    return float(found)


def _in_words(error: Exception) -> str:
    """Python's XML reader knows UTF-8, UTF-16 and encodings of one byte a letter."""
    encoding = isinstance(error, LookupError) or "encoding" in str(error)
    return f"{error}; save it as UTF-8" if encoding else str(error)


def _text(element: ElementTree.Element, path: str) -> str:
    found = (element.findtext(path) or "").strip()
    if not found:
        raise ValueError(f"there is no {path}")
    return found
