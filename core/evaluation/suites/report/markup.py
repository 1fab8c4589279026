"""HTML by elements, never by text: whatever comes from data is escaped. What a page shows lies within it."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET

import numpy as np
import simplejpeg

from tandemclip.core.data.images import resize_antialiased
from tandemclip.core.data.sources.source import Source

Node = ET.Element | str | None
SIDE = 88  # pixels of a picture's longer side
QUALITY = 75


def tag(name: str, *children: Node, **attributes: str) -> ET.Element:
    """An element. Children that are None and attributes that are empty are left out; `class_` is "class"."""
    element = ET.Element(name, {key.rstrip("_"): value for key, value in attributes.items() if value})
    for child in children:
        if isinstance(child, ET.Element):
            element.append(child)
        elif child is not None and len(element):
            element[-1].tail = (element[-1].tail or "") + child
        elif child is not None:
            element.text = (element.text or "") + child
    return element


def document(title: str, style: str, *body: Node) -> bytes:
    """A whole page, UTF-8."""
    head = tag("head", tag("meta", charset="utf-8"), tag("title", title), tag("style", style))
    page = tag("html", head, tag("body", *body), lang="en")
    text = "<!DOCTYPE html>\n" + ET.tostring(page, encoding="unicode", method="html") + "\n"
    return text.encode("utf-8", "replace")


def picture(source: Source, number: int, told: str, class_: str = "") -> ET.Element:
    """A record's picture, made small; one that is smaller is shown larger. told: what it is, for those who see no
    pictures and those who point at it.
    """
    pixels = source[number].pixels
    height, width = pixels.shape[:2]
    scale = SIDE / max(height, width)
    shape = max(1, round(height * scale)), max(1, round(width * scale))
    if scale < 1:
        pixels = resize_antialiased(pixels, *shape)
    data = base64.b64encode(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), QUALITY)).decode()
    size = {"height": str(shape[0]), "width": str(shape[1])}
    return tag("img", src=f"data:image/jpeg;base64,{data}", alt=told, title=told, class_=class_, **size)
