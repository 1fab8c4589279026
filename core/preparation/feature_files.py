"""Regions and their features as others have published them: the TSV files of bottom-up attention and of VinVL.

bottom-up attention (Anderson et al. 2018), a line a picture: image_id, image_w, image_h, num_boxes, boxes [n, 4] in
pixels, features [n, D]; both base64 of float32. Programs that followed it have more columns, or others.
VinVL (Zhang et al. 2021): the picture's key and {"num_boxes", "features"}, or key, num_boxes, features: [n, D + 6], of
which the last six say where the region is: x1, y1, x2, y2 in 0..1, and two that follow from them.

Neither has words. They come from a column, or from a file of predictions as VinVL's, a line a picture: its key, and
{"objects": [{"class", "conf", "attributes": [...]}, ...]} or the list alone, in the order of the regions.
"""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tandemclip.core.data.boxes import upright_box
from tandemclip.core.data.records import Object
from tandemclip.core.data.texts import captions, in_words
from tandemclip.core.data.views.rois import OBJECTS
from tandemclip.core.errors import UserError
from tandemclip.core.preparation.rewrite import facts

BOTTOM_UP = ("image_id", "image_w", "image_h", "num_boxes", "boxes", "features")
VINVL = {2: ("key", "json"), 3: ("key", "num_boxes", "features")}
WHERE = 6  # numbers behind each of VinVL's features
ATTRIBUTES = 2  # of each object that its phrase names, the first of the predictions: those are the surest
DIGITS = 6


@dataclass(frozen=True)
class FeatureFile:
    """A `Find` over such a file: the at most 10 regions of a sample's picture of the highest confidence, each with its
    feature [D]; None where the file does not have the picture.

    path: the TSV. columns: their names, where they are not bottom-up attention's or VinVL's; known are those above and
    "confidences" (base64 of float32 [n]) and "phrases" (a JSON list, or phrases between commas). predictions: a file of
    words. image_key: the entry of a sample's json that names its picture; without it the sample's key does. Names are
    compared by what stands between the last slash and the last dot; numbers without the zeros before them.

    Without confidences the file's order stands, and so does its confidence: 1. Raises UserError, by the picture's name,
    for a file that is not so, and for one without words.
    """

    path: Path
    columns: tuple[str, ...] = ()
    predictions: Path | None = None
    image_key: str | None = None

    def __post_init__(self):
        if self.predictions is None and "phrases" not in self.columns:
            raise UserError(
                f"{self.path} holds features and no words, and an object needs its phrase; give --predictions FILE "
                'with the "class" of each region, or name a column "phrases" in --columns'
            )

    @property
    def job(self) -> dict:
        """What tells it from others."""
        files = [self.path, *filter(None, [self.predictions])]
        return {"features": [_state(path) for path in files], "columns": self.columns, "image_key": self.image_key}

    def __call__(self, key: str, contents: dict[str, bytes]) -> tuple[Object, ...] | None:
        name = _name(key if self.image_key is None else str(facts(contents).get(self.image_key)))
        if name not in self._lines:
            return None
        try:
            return self._objects(name)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{self.path}: the regions of {name} are not as expected: {in_words(error)}") from error

    def _objects(self, name: str) -> tuple[Object, ...]:
        cells = self._cells(self._lines[name])
        boxes, features = _vinvl(cells) if "boxes" not in cells else _bottom_up(cells)
        words = self._words(name, cells)
        if len(words) != len(boxes):
            raise ValueError(f"{len(boxes)} regions, and words for {len(words)}")
        if "confidences" in cells:
            words = [(*word[:3], float(c)) for word, c in zip(words, _floats(cells["confidences"], len(boxes))[:, 0])]
        best = sorted(range(len(boxes)), key=lambda row: -words[row][3])[:OBJECTS]
        return tuple(_object(boxes[row], features[row], *words[row]) for row in best)

    def _words(self, name: str, cells: dict) -> list[tuple]:
        """(phrase, category, attributes, confidence) of each region"""
        if self.predictions is None:
            text = cells["phrases"]
            phrases = json.loads(text) if text.lstrip().startswith("[") else text.split(",")
            if not all(isinstance(phrase, str) for phrase in phrases):
                raise ValueError("the phrases are no list of texts")
            return [(phrase.strip(), None, (), 1.0) for phrase in phrases]
        if name not in self._predicted:
            raise ValueError(f"{self.predictions} has no line for it")
        found = json.loads(_line(self.predictions, self._predicted[name]).split("\t")[1])
        return [_word(thing) for thing in (found["objects"] if isinstance(found, dict) else found)]

    def _cells(self, place: int) -> dict[str, str]:
        """{column: its text}"""
        line = _line(self.path, place).split("\t")
        columns = self.columns or VINVL.get(len(line), BOTTOM_UP)
        if len(columns) != len(line):
            raise ValueError(
                f"{len(line)} columns, and {len(columns)} have a name: {', '.join(columns)}; give --columns"
            )
        return dict(zip(columns, line))

    @cached_property
    def _lines(self) -> dict[str, int]:
        column = next((number for number, name in enumerate(self.columns) if name in ("image_id", "key")), 0)
        return dict(_places(self.path, column))

    @cached_property
    def _predicted(self) -> dict[str, int]:
        return dict(_places(self.predictions, 0))


def _state(path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); correct the path") from error
    return [status.st_size, status.st_mtime_ns]


def _places(path: Path, column: int) -> Iterator[tuple[str, int]]:
    """(a picture's name, where its line begins)"""
    seen: set[str] = set()
    try:
        with open(path, "rb") as file:
            place = 0
            for line in file:
                if line.strip():
                    name = _name(line.split(b"\t", column + 1)[column].decode().strip())
                    if name in seen:
                        raise UserError(f"{path} has several lines for the picture {name}; leave one")
                    seen.add(name)
                    yield name, place
                place += len(line)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); correct the path") from error
    except (IndexError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no table with tabs, its line at byte {place} is not; give a TSV file") from error


def _line(path: Path, place: int) -> str:
    with open(path, "rb") as file:
        file.seek(place)
        return file.readline().decode().rstrip("\r\n")


def _name(text: str) -> str:
    stem = text.rsplit("/", 1)[-1]
    stem = stem.rsplit(".", 1)[0] if "." in stem else stem
    return str(int(stem)) if stem.isdecimal() else stem


def _bottom_up(cells: dict) -> tuple[np.ndarray, np.ndarray]:
    """-> boxes [n, 4] in 0..1, features [n, D]"""
    count = int(cells["num_boxes"])
    size = [float(cells["image_w"]), float(cells["image_h"])] * 2
    if min(size) <= 0:
        raise ValueError("it has no width or height")
    return _floats(cells["boxes"], count, 4) / size, _floats(cells["features"], count)


def _vinvl(cells: dict) -> tuple[np.ndarray, np.ndarray]:
    """As `_bottom_up`."""
    cells = json.loads(cells["json"]) if "json" in cells else cells
    rows = _floats(cells["features"], int(cells["num_boxes"]))
    if len(rows) and rows.shape[1] <= WHERE:
        raise ValueError(f"{rows.shape[1]} numbers a region, expected a feature and {WHERE} that say where it is")
    return rows[:, -WHERE:][:, :4], rows[:, :-WHERE]


def _floats(text: str, rows: int, columns: int = -1) -> np.ndarray:
    """base64 of little-endian float32 -> [rows, columns]; columns -1: as many as there are"""
    numbers = np.frombuffer(base64.b64decode(text, validate=True), "<f4")
    return numbers.reshape(rows, columns) if rows else np.zeros((0, max(columns, 1)), np.float32)


def _word(thing: dict) -> tuple:
    attributes = captions(thing.get("attributes", []), "attribute")[:ATTRIBUTES]
    return " ".join([*attributes, thing["class"]]), thing["class"], attributes, float(thing.get("conf", 1))


def _object(box: np.ndarray, feature: np.ndarray, phrase: str, category, attributes: Sequence[str], confidence: float):
    if not np.isfinite(feature).all():
        raise ValueError("a feature holds numbers that are not finite")
    edges = tuple(round(edge, DIGITS) for edge in np.clip(upright_box(box.tolist()), 0, 1).tolist())
    return Object(edges, phrase, round(confidence, DIGITS), feature, category, tuple(attributes))
