"""Who is whom in a COCO file: images by their ids, and annotations that come to them."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tandemclip.core.data.account import Account, Tally
from tandemclip.core.data.sources.image_files import plain
from tandemclip.core.data.texts import kind, odd, unicode

NOBODY, BLANK = "its image_id is of no image in the file", "the caption is blank"


def caption_of(annotation: dict) -> str:
    """ValueError, in words, where it is no text."""
    return unicode(text_of(annotation, "caption", f"image_id {annotation['image_id']!r}"))


def text_of(entry: dict, key: str, whose: str) -> str:
    """ValueError, in words, where it is no text."""
    text = entry[key]
    if not isinstance(text, str):
        raise ValueError(f"the {key} of {whose} is {kind(text)}, expected a text")
    if "\0" in text:
        raise ValueError(f"the {key} of {whose} is damaged, as it holds a zero byte")
    return text


def listed(content: Any, key: str) -> list[dict]:
    """content[key]. ValueError, in words, where the file, or that in it, is of another kind."""
    if not isinstance(content, dict):
        raise ValueError(f"it holds {kind(content)}, expected a mapping")
    entries = content[key]
    if not isinstance(entries, list):
        raise ValueError(f"its {key} are {kind(entries)}, expected a list")
    for entry in entries:
        if not isinstance(entry, dict):
            raise ValueError(f"its {key} hold {kind(entry)}, expected mappings")
    return entries


def by_id(entries: Iterable[dict], what: str) -> dict[Any, dict]:
    """{id: entry}. ValueError, in words, where an id stands twice, as nothing then says which of the two is meant, and
    where some are numbers and some texts: 1 and "1" are not one another.
    """
    found: dict = {}
    for entry in entries:
        number = entry["id"]
        if not is_id(number):
            raise ValueError(f"the id {number!r} of {what} is neither a number nor a text")
        if found and isinstance(number, str) != isinstance(first := next(iter(found)), str):
            raise ValueError(f"of the ids of {what} some are numbers and some texts, such as {first!r} and {number!r}")
        if number in found:
            names = " and ".join(str(one.get("file_name", one.get("name"))) for one in (found[number], entry))
            raise ValueError(f"the id {number!r} stands twice among its {what}: {names}")
        found[number] = entry
    return found


def is_id(number: Any) -> bool:
    """NaN, which JSON can hold in Python, is equal to nothing."""
    return isinstance(number, (int, float, str)) and not isinstance(number, bool) and number == number


def same_files(images: dict[Any, dict]) -> Tally:
    """The remarks on images whose file another id has too."""
    remarks, times = Tally(), Counter(plain(image["file_name"]) for image in images.values())
    for number, image in images.items():
        if times[plain(image["file_name"])] > 1:
            remarks.add("another id has the same file", f"id {number!r} ({image['file_name']})")
    return remarks


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
        if is_id(number):
            if number in self._ids:
                self._remarks.add("its id stands there before", name)
            self._ids.add(number)
        image = annotation["image_id"]
        if not is_id(image) or image not in self._images:
            self._passed.add(NOBODY, f"image_id {image!r}")
        elif passed_over is not None:
            self._passed.add(passed_over, name)
        else:
            self._read += 1
            if remark := odd(annotation.get("caption") or ""):
                self._remarks.add(remark, name)
            return True
        return False

    def account(self) -> Account:
        return Account(self._of, self._unit, self._all, self._read, self._passed.counts, self._remarks.counts)
