"""Who is whom in a COCO file: images by their ids, and annotations that come to them."""

from collections.abc import Iterable
from typing import Any

from tandemclip.core.data.account import Account, Tally
from tandemclip.core.data.texts import kind, unicode

NOBODY, BLANK = "its image_id is of no image in the file", "the caption is blank"


def caption_of(annotation: dict) -> str:
    """ValueError, in words, where it is no text."""
    text = annotation["caption"]
    if not isinstance(text, str):
        raise ValueError(f"the caption of image_id {annotation['image_id']!r} is {kind(text)}, expected a text")
    return unicode(text)


def file_name_of(image: dict) -> str:
    """ValueError, in words, where it is no text."""
    name = image["file_name"]
    if not isinstance(name, str):
        raise ValueError(f"the file_name of the image {image['id']!r} is {kind(name)}, expected a text")
    return name


def by_id(entries: Iterable[dict], what: str) -> dict[Any, dict]:
    """{id: entry}. ValueError, in words, where an id stands twice, as nothing then says which of the two is meant, and
    where some are numbers and some texts: 1 and "1" are not one another.
    """
    found: dict = {}
    for entry in entries:
        number = entry["id"]
        if isinstance(number, bool) or not isinstance(number, (int, float, str)) or number != number:
            raise ValueError(f"the id {number!r} of {what} is neither a number nor a text")
        if found and isinstance(number, str) != isinstance(first := next(iter(found)), str):
            raise ValueError(f"of the ids of {what} some are numbers and some texts, such as {first!r} and {number!r}")
        if number in found:
            names = " and ".join(str(one.get("file_name", one.get("name"))) for one in (found[number], entry))
            raise ValueError(f"the id {number!r} stands twice among its {what}: {names}")
        found[number] = entry
    return found


class Coming:
    """Annotations that come to images. Those that do not are passed over: of no image, or for another reason."""

    def __init__(self, of: str, unit: str, images: Iterable[Any]):
        self._of, self._unit, self._images = of, unit, images
        self._all, self._read, self._passed, self._remarks = 0, 0, Tally(), Tally()
        self._ids: set = set()

    def comes(self, annotation: dict, passed_over: str | None = None) -> bool:
        """Whether this one is taken. passed_over: why not, though its image may be there."""
        place, number = self._all, annotation.get("id")
        self._all += 1
        name = f"annotation {place}" if number is None else f"id {number!r}"
        if number is not None:
            if number in self._ids:
                self._remarks.add("its id stands there before", name)
            self._ids.add(number)
        image = annotation["image_id"]
        if image not in self._images:
            self._passed.add(NOBODY, f"image_id {image!r}")
        elif passed_over is not None:
            self._passed.add(passed_over, name)
        else:
            self._read += 1
            return True
        return False

    def account(self) -> Account:
        return Account(self._of, self._unit, self._all, self._read, self._passed.counts, self._remarks.counts)
