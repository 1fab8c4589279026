"""What the members of a record other than its picture say of it."""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tandemclip.core.data.boxes import four_numbers, outside, upright_box
from tandemclip.core.data.masks import from_segmentation
from tandemclip.core.data.records import OUTSIDE, Object
from tandemclip.core.data.texts import captions, equal, from_json, in_words, kind, odd, unicode, utf8


@dataclass(frozen=True)
class Facts:
    """remarks: what is odd about them, in words that are the same for every record."""

    captions: tuple[str, ...]
    summary: str | None
    objects: tuple[Object, ...]
    label: int | None
    attributes: dict[str, int]
    remarks: tuple[str, ...]


def read_facts(json: bytes | None, txt: bytes | None, cls: bytes | None, rois: bytes | None) -> Facts:
    """None: there is no such member. ValueError, which names the member, for what is not as documented.

    Captions are those of the json ("captions", else "caption"), else the lines of the txt. The class is that of the
    cls, else the json's "label". Features are those of the rois.npy, else the "feature" of each object. Where two of
    them say different things, that is a remark.
    """
    remarks: list[str] = []
    with _named("txt"):
        text = None if txt is None else utf8(txt)
    with _named("cls"):
        number = None if cls is None else _number(utf8(cls), "cls")
    with _named("rois.npy"):
        features = None if rois is None else _rows(rois)
    with _named("json"):
        facts = _mapping(json)
        texts, objects = captions_of(facts, text, remarks), _objects(facts, features)
        remarks += [found for found in map(odd, texts) if found and found not in remarks]
        if any(outside(thing.box) for thing in objects):
            remarks.append(OUTSIDE)
        return Facts(
            texts,
            _summary(facts),
            objects,
            _label(facts, number, remarks),
            {name: _number(given, name) for name, given in _attributes(facts).items()},
            tuple(dict.fromkeys(remarks)),
        )


@contextmanager
def _named(member: str) -> Iterator[None]:
    try:
        yield
    except (AttributeError, KeyError, MemoryError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"its {member} is not as documented: {in_words(error)}") from error


def _rows(rois: bytes) -> np.ndarray:
    """[objects, D]"""
    features = np.lib.format.read_array(io.BytesIO(rois))
    if not features.ndim:
        raise ValueError("it holds one number, expected [objects, D]")
    return features


def _summary(facts: dict) -> str | None:
    summary = facts.get("summary")
    if summary is not None and not isinstance(summary, str):
        raise ValueError(f"the summary is {kind(summary)}, expected a text")
    return None if summary is None else unicode(summary)


def _attributes(facts: dict) -> dict:
    attributes = facts.get("attributes", {})
    if not isinstance(attributes, dict):
        raise ValueError(f"the attributes are {kind(attributes)}, expected a mapping of names to numbers")
    return attributes


def read_label(json: bytes | None, cls: bytes | None) -> int | None:
    """The class alone, as `read_facts` finds it."""
    return _label(_mapping(json), None if cls is None else _number(utf8(cls), "cls"), [])


def _mapping(json: bytes | None) -> dict:
    facts = {} if json is None else from_json(json)
    if not isinstance(facts, dict):
        raise ValueError(f"the json holds {kind(facts)}, expected an object")
    return facts


def captions_of(facts: dict, txt: str | None, remarks: list[str]) -> tuple[str, ...]:
    """facts: what the json holds. txt: None where there is none. `remarks` gets what is odd."""
    told = [facts[name] for name in ("captions", "caption") if facts.get(name) is not None]
    found = [captions(given) for given in told]
    if any(len(own) < (1 if isinstance(given, str) else len(given)) for own, given in zip(found, told)):
        remarks.append("blank caption")
    if len(found) == 2 and not {text.strip() for text in found[1]} <= {text.strip() for text in found[0]}:
        remarks.append('its json has "captions" and another "caption"; the captions are taken')
    if txt is None:
        return found[0] if found else ()
    text = txt.strip()
    lines = captions([line.strip() for line in text.split("\n")])
    if not found:
        if len(lines) > 1:
            remarks.append("its txt has several lines; each is a caption")
        if not lines:
            remarks.append("blank caption")
        return lines
    if not (text in [own.strip() for own in found[0]] or equal(lines, found[0])):
        remarks.append("its txt says something else than its json, which is taken")
    return found[0]


def _label(facts: dict, cls: int | None, remarks: list[str]) -> int | None:
    """A negative number is no class, as many data sets have it."""
    told = None if facts.get("label") is None else _number(facts["label"], "label")
    found = told if cls is None else cls
    if None not in (told, found) and max(told, -1) != max(found, -1):
        remarks.append("its cls says another class than its json; that of the cls is taken")
    return None if found is None or found < 0 else found


def _number(given: Any, name: str) -> int:
    if isinstance(given, bool) or not isinstance(given, (int, float, str)) or given != given:
        raise ValueError(f"the {name} is {kind(given)}, expected a whole number")
    if isinstance(given, float) and not given.is_integer():
        raise ValueError(f"the {name} is {given}, expected a whole number")
    if isinstance(given, str) and "_" in given:  # Python reads 1_0 as 10
        raise ValueError(f"the {name} is {given!r:.40}, expected a whole number")
    try:
        number = int(given)
    except ValueError:
        raise ValueError(f"the {name} is {given!r:.40}, expected a whole number") from None
    if abs(number) >= 1 << 31:  # labels are int32
        raise ValueError(f"the {name} is {given!r:.40}, expected a whole number below 2^31")
    return number


def _objects(facts: dict, rois: np.ndarray | None) -> tuple[Object, ...]:
    """rois: [objects, D], or None where the features stand in the json."""
    things = _listed(facts, "objects")
    features = [thing.get("feature") for thing in things] if rois is None else rois
    if len(features) != len(things):
        raise ValueError(f"{len(features)} rows of features (rois.npy) for {len(things)} objects")
    things = [*zip(things, features), *((phrase, None) for phrase in _listed(facts, "phrases"))]
    return tuple(_object(thing, feature) for thing, feature in things)


def _listed(facts: dict, name: str) -> list[dict]:
    """Null is as good as nothing."""
    things = facts.get(name)
    if things is None:
        return []
    if not isinstance(things, list):
        raise ValueError(f"its {name} are {kind(things)}, expected a list of mappings with a box and a phrase")
    for thing in things:
        if not isinstance(thing, dict):
            raise ValueError(f"its {name} hold {kind(thing)}, expected mappings with a box and a phrase")
    return things


def _object(thing: dict, feature) -> Object:
    category, mask = thing.get("category"), thing.get("mask")
    return Object(
        box=upright_box(four_numbers(thing["box"])),
        phrase=_text(thing["phrase"], "phrase"),
        confidence=_confidence(thing.get("confidence", 1)),
        feature=None if feature is None else _feature(feature),
        category=None if category is None else _text(category, "category"),
        attributes=captions(thing.get("attributes", []), "attribute"),
        mask=None if mask is None else from_segmentation(mask, *mask["size"]),
        marks=frozenset(
            [*captions(thing.get("marks", []), "mark"), *(["several"] if _number(thing.get("n", 1), "n") > 1 else [])]
        ),
    )


def _confidence(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not math.isfinite(given):
        raise ValueError(f"the confidence of an object is {given!r:.40}, expected a number")
    return float(given)


def _feature(given: Any) -> np.ndarray:
    """[D] float32"""
    if not isinstance(given, (list, np.ndarray)):
        raise ValueError(f"the feature of an object is {kind(given)}, expected a list of numbers")
    if np.iscomplexobj(given):
        raise ValueError("the feature of an object is of complex numbers, expected real ones")
    feature = np.asarray(given, np.float32)
    if feature.ndim != 1 or not np.isfinite(feature).all():
        raise ValueError("the feature of an object is no list of finite numbers")
    return feature


def _text(given: Any, name: str) -> str:
    if not isinstance(given, str):
        raise ValueError(f"the {name} of an object is {kind(given)}, expected a text")
    return unicode(given)
