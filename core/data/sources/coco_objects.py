"""COCO's instance annotations as a source: pictures with boxes, categories and masks."""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from tandemclip.core.data.account import Account, Tally
from tandemclip.core.data.boxes import four_numbers, outside, upright_box
from tandemclip.core.data.masks import from_segmentation
from tandemclip.core.data.records import OUTSIDE, BrokenRecord, Object, Record
from tandemclip.core.data.sources.class_names import repeated
from tandemclip.core.data.sources.coco_ids import BLANK, Coming, by_id, caption_of, is_id, listed, same_files, text_of
from tandemclip.core.data.sources.folder_or_tar import Files, open_files
from tandemclip.core.data.sources.image_files import Strings
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.texts import blank, captions, from_json, in_words, unicode
from tandemclip.core.errors import UserError
from tandemclip.core.identity import Identity, of_file, of_files

LAYOUT = (
    "images with id, file_name, width and height, annotations with image_id, category_id and bbox, categories with id "
    "and name"
)


@dataclass(frozen=True)
class CocoObjects(Source):
    """The images of a file like instances_val2017.json, in its order; those without an object too.

    path: the JSON. folder: where its file names start, a folder or a tar file. captions: a file like
    captions_val2017.json, which has the texts of the same images. An object's phrase is its category, or attributes and
    category where annotations have "attributes": [names], or {name: true or false}. Categories are in the order of
    their ids. A box that reaches out of its picture stays as it is; one that is upside down, or not of finite numbers,
    cannot be understood. A picture whose annotation cannot be understood is broken, and names it, as is one of another
    shape than the file says: turned after it was annotated, for example. Annotations and captions of images that the
    file does not list, and blank captions, are passed over and counted. Raises UserError for a file or folder that is
    not there or not so, and where an id stands twice.
    """

    places = ("path", "folder", "captions")

    path: str
    folder: str
    captions: str | None = None

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Record:
        if not 0 <= index < len(self):
            raise IndexError(index)
        image = json.loads(self._images[index])
        name = image["file_name"]
        things = tuple(self._object(thing, image) for thing in image["annotations"])
        remarks = (OUTSIDE,) if any(outside(thing.box) for thing in things) else ()
        said, size = tuple(image["captions"]), (image["height"], image["width"])
        return Record(self._files.key(name), self._files.read(name), said, objects=things, remarks=remarks, size=size)

    @property
    def categories(self) -> tuple[str, ...]:
        return tuple(self._names[number] for number in sorted(self._names))

    def texts(self, limit: int) -> Iterator[str]:
        for index in range(0, len(self), max(1, -(-len(self) // limit))):
            image = json.loads(self._images[index])
            yield from image["captions"]
            for thing in image["annotations"]:
                with suppress(ValueError):  # named when its picture is read
                    yield self._phrase(thing)

    def _phrase(self, thing: dict) -> str:
        return " ".join([*_attributes(thing), self._category(thing)])

    def _category(self, thing: dict) -> str:
        number = thing["category_id"]
        if not is_id(number) or number not in self._names:
            raise ValueError(f"category {number!r} is none of the file's")
        return self._names[number]

    def _object(self, thing: dict, image: dict) -> Object:
        height, width = image["height"], image["width"]
        try:
            left, top, wide, high = four_numbers(thing["bbox"])
            segmentation = thing.get("segmentation")
            return Object(
                box=upright_box((left / width, top / height, (left + wide) / width, (top + high) / height)),
                phrase=self._phrase(thing),
                category=self._category(thing),
                attributes=_attributes(thing),
                mask=from_segmentation(segmentation, height, width) if segmentation else None,
                marks=_marks(thing),
            )
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise BrokenRecord(
                self._files.key(image["file_name"]),
                f"an annotation is not as COCO has it: id {thing.get('id')}: {in_words(error)}",
            ) from error

    @cached_property
    def _files(self) -> Files:
        return open_files(self.folder, "coco_objects")

    @cached_property
    def _names(self) -> dict[int, str]:
        """{id of a category: its name}"""
        return self._content[0]

    @cached_property
    def _images(self) -> Strings:
        """An image each, as JSON that has its annotations and captions: so millions of them take little room."""
        return self._content[1]

    def account(self) -> tuple[Account, ...]:
        return self._content[2]

    def identity(self) -> dict[str, Identity]:
        names = Strings(json.loads(image)["file_name"] for image in self._images)
        size = lambda number: self._files.size(names[number])
        found = {**of_files(bytes(names), size, len(names), self.folder), "annotations": of_file(self.path)}
        return found if self.captions is None else {**found, "captions": of_file(self.captions)}

    @cached_property
    def _content(self) -> tuple[dict[int, str], Strings, tuple[Account, ...]]:
        _ = self._files  # complained of now, not at the first image
        names, images, accounts = _read(self.path, partial(_instances, self.path), LAYOUT)
        if not images:
            raise UserError(f"coco_objects: {self.path} has no images; give another file")
        said: dict = {}
        if self.captions is not None:
            take = partial(_captions, self.captions, images)
            said, coming = _read(self.captions, take, "images' captions: annotations with image_id and caption")
            accounts += (coming,)
        entries = (json.dumps({**image, "captions": said.get(number, [])}) for number, image in images.items())
        return names, Strings(entries), accounts


def _read(path: str, take: Callable[[dict], Any], layout: str) -> Any:
    """take(what the JSON at `path` holds)"""
    try:
        return take(from_json(Path(path).expanduser().read_bytes()))
    except OSError as error:
        raise UserError(f"coco_objects: {path} cannot be read ({error.strerror}); correct the path") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"coco_objects: {path} is not as expected ({in_words(error)}): {layout}; give another file"
        ) from error


def _captions(path: str, images: dict, content: dict) -> tuple[dict[int, list[str]], Account]:
    """-> ({id of an image: its captions that are not blank}, their account)"""
    found: dict[int, list[str]] = {}
    coming = Coming(path, "captions", images)
    for annotation in listed(content, "annotations"):
        text = caption_of(annotation)
        if coming.comes(annotation, BLANK if blank(text) else None):
            found.setdefault(annotation["image_id"], []).append(text)
    return found, coming.account()


def _instances(path: str, content: dict) -> tuple[dict[int, str], dict[int, dict], tuple[Account, ...]]:
    """-> ({id of a category: its name}, {id of an image: it with its annotations}, accounts)"""
    categories = by_id(listed(content, "categories"), "categories")
    names = {
        number: unicode(text_of(category, "name", f"the category of id {number!r}"))
        for number, category in categories.items()
    }
    if unnamed := [number for number, name in names.items() if blank(name)]:
        raise ValueError(f"the name of the category of id {unnamed[0]!r} is blank")
    images = {number: _image(number, image) for number, image in by_id(listed(content, "images"), "images").items()}
    coming, remarks = Coming(path, "annotations", images), same_files(images)
    for annotation in listed(content, "annotations"):
        _ = annotation["bbox"], annotation["category_id"]  # where they are missing it is another kind of file
        if coming.comes(annotation):
            images[annotation["image_id"]]["annotations"].append(annotation)
    for number, image in images.items():
        if not image["annotations"]:
            remarks.add("it has no annotation", f"id {number!r} ({image['file_name']})")
    of_images = Account(path, "images", len(images), len(images), remarks=remarks.counts)
    accounts = (of_images, coming.account())
    if twice := repeated(names.values()):
        named = Tally()
        for name in twice:
            named.add("it shares its name, up to case, with another category", name)
        accounts += (Account(path, "categories", len(names), len(names), remarks=named.counts),)
    return names, images, accounts


def _image(number: Any, image: dict) -> dict:
    """What is kept of it, to which its annotations come."""
    name = text_of(image, "file_name", f"the image of id {number!r}")
    sides = [image[side] for side in ("height", "width")]
    if not all(isinstance(side, (int, float)) and math.isfinite(side) and side > 0 for side in sides):
        raise ValueError(f"{name} has no width or no height: {sides[1]!r} x {sides[0]!r}")
    return {"file_name": name, "height": sides[0], "width": sides[1], "annotations": []}


def _attributes(thing: dict) -> tuple[str, ...]:
    """Of {name: true or false}, as some programs write them, those that are true."""
    given = thing.get("attributes") or []
    if isinstance(given, dict) and all(isinstance(value, bool) for value in given.values()):
        given = [name for name, value in given.items() if value]
    return captions(given, "attribute")


def _marks(thing: dict) -> frozenset[str]:
    """COCO's iscrowd, and PASCAL VOC's marks where a file that was made of it has them."""
    keys = {"iscrowd": "crowd", "difficult": "difficult", "truncated": "truncated"}
    if odd := [key for key in keys if thing.get(key) not in (None, 0, 1)]:  # "0" is true to Python
        raise ValueError(f"its {odd[0]} is {thing[odd[0]]!r:.40}, expected 0 or 1")
    return frozenset(mark for key, mark in keys.items() if thing.get(key))
