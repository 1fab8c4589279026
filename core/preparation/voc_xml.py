"""PASCAL VOC's annotation of a picture, as `voc_objects` and mmdet read it."""

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from tandemclip.core.preparation.annotated import Picture, Thing


def annotation(picture: Picture, folder: str) -> bytes:
    """The XML of a picture that lies in `folder`, e.g. VOC2007. Crowds are left out: VOC has no word for them.

    VOC counts pixels from 1 and names the last one inside; a box goes to the nearest whole pixels, one at least.
    """
    root = Element("annotation")
    SubElement(root, "folder").text = folder
    SubElement(root, "filename").text = f"{picture.name}.jpg"
    size = SubElement(root, "size")
    for name, value in (("width", picture.width), ("height", picture.height), ("depth", 3)):
        SubElement(size, name).text = str(value)
    SubElement(root, "segmented").text = "0"
    for thing in picture.things:
        if "crowd" not in thing.marks:
            _add(root, thing, picture)
    ElementTree.indent(root, "\t")
    return ElementTree.tostring(root, encoding="utf-8") + b"\n"


def _add(root: Element, thing: Thing, picture: Picture) -> None:
    element = SubElement(root, "object")
    SubElement(element, "name").text = thing.category
    SubElement(element, "pose").text = "Unspecified"
    for mark in ("truncated", "difficult"):
        SubElement(element, mark).text = str(int(mark in thing.marks))
    x1, y1, x2, y2 = thing.box
    (left, right), (top, bottom) = _pixels(x1, x2, picture.width), _pixels(y1, y2, picture.height)
    box = SubElement(element, "bndbox")
    for name, value in (("xmin", left), ("ymin", top), ("xmax", right), ("ymax", bottom)):
        SubElement(box, name).text = str(value)


def _pixels(start: float, stop: float, size: int) -> tuple[int, int]:
    """From 0 <= start < stop <= size to the first and the last pixel, counted from 1."""
    first = min(round(start) + 1, size)
    return first, max(first, round(stop))
