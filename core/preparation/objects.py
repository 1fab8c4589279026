"""The most fine-grained level of the pyramid on real photos: object description A and ROI features (PyramidCLIP 3.3,
A.2).

In the paper an object-attribute detector finds them: the 10 objects of highest confidence, each with a phrase and the
feature of its region. Here they are phrases that people have boxed, e.g. "a red helmet", and the features are those of
a frozen image tower of this project. Nobody was more or less confident, so that the order, and with it A, goes by size:
the "confidence" that is written is the share of the picture that the box covers. It says how large an object is, not
how sure anybody is of it.
"""

import hashlib
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from tandemclip.core.data import images
from tandemclip.core.data.boxes import upright_box
from tandemclip.core.data.sources.kinds import PICTURES
from tandemclip.core.data.views.rois import OBJECTS
from tandemclip.core.preparation.rewrite import Rewritten, Sample, Told, as_json, facts, rewrite
from tandemclip.core.serving.model import Model

UNREADABLE = "it cannot be read"
NONE = "it has no objects and no boxed phrases"


def add_objects(patterns: list[str], out: Path, model: Model) -> Rewritten:
    """Shards with boxed phrases -> the same shards with "objects" in NNN.json and their features in NNN.rois.npy.

    A folder begun with one image tower is not gone on with by another. Counts "samples" and "objects"; samples that
    cannot be read, or have none, are passed over.
    """
    return rewrite(
        patterns, out, {"command": "objects", "encoder": _digest(model)}, lambda *given: _described(model, *given)
    )


def _digest(model: Model) -> str:
    """Tells image towers apart: SHA-256 of its definition and weights."""
    digest = hashlib.sha256(repr(model.method.inference_view()).encode() + repr(model.method.image).encode())
    for name, array in sorted(model.engine.weights().items()):
        if name.startswith("image."):
            digest.update(name.encode() + array.tobytes())
    return digest.hexdigest()


def _described(model: Model, samples: Iterator[Sample], told: Told) -> Iterator[Sample]:
    """A forward pass a batch."""
    side = model.method.image.grid_resolution
    rows = np.zeros((model.batch_size, 3, side, side), np.float32)
    while batch := list(islice(samples, model.batch_size)):
        things = [_read(model, key, contents, row, told) for (key, contents), row in zip(batch, rows)]
        grids = model.encode("encode_grid", rows[: len(batch)], model.batch_size) if any(things) else rows
        for (key, contents), objects, grid in zip(batch, things, grids):
            told.counts["objects"] += len(objects)
            features = [pool(grid, thing["box"]) for thing in objects]
            yield key, {**contents, **members(contents, objects, features)} if objects else contents


def _read(model: Model, key: str, contents: dict[str, bytes], row: np.ndarray, told: Told) -> list[dict]:
    """The sample's objects, [] where it has none; its picture is written to row [3, side, side]."""
    try:
        objects = strongest(facts(contents))
        for thing in objects:
            upright_box(thing["box"])  # raises for what is no box
        if objects:
            image = next(data for kind, data in contents.items() if kind in PICTURES)
            row[:] = squeezed(model, images.decode(image))
        else:
            told.passed_over.add(NONE, key)
        return objects
    except (AttributeError, KeyError, TypeError, ValueError, StopIteration, images.Undecodable):
        told.passed_over.add(UNREADABLE, key)
        return []


def strongest(facts: dict) -> list[dict]:
    """At most 10 objects of a sample's json, the order of `Record.strongest_objects`.

    Boxed phrases have the box's share of the picture as their confidence; a detector's "objects" keep the one they
    have. Of the phrases that several captions gave one box ("a dog", "the brown dog") the longest stands: a detector
    names it once.
    """
    longest: dict[tuple, dict] = {}
    for thing in facts.get("phrases", ()):
        box = tuple(thing["box"])
        if box not in longest or len(thing["phrase"]) > len(longest[box]["phrase"]):
            longest[box] = thing
    phrases = [{**thing, "confidence": _share(thing["box"])} for thing in longest.values()]
    return sorted([*facts.get("objects", ()), *phrases], key=lambda thing: -thing.get("confidence", 1))[:OBJECTS]


def _share(box: list[float]) -> float:
    x1, y1, x2, y2 = box
    return round((x2 - x1) * (y2 - y1), 6)


def squeezed(model: Model, pixels: np.ndarray) -> np.ndarray:
    """[H, W, 3] uint8 -> [3, side, side]: the whole picture, not cut, so that boxes in 0..1 stay where they are."""
    side, view = model.method.image.grid_resolution, model.method.inference_view()
    return images.normalise(images.resize_antialiased(pixels, side, side), view.mean, view.std)


def pool(grid: np.ndarray, box: list[float]) -> np.ndarray:
    """grid [D, h, w] over the whole picture, box x1, y1, x2, y2 in 0..1 -> [D]: the mean over the box's area.

    A cell counts by the part of it that the box covers. A box without area has the cell that it lies in.
    """
    x1, y1, x2, y2 = box
    return np.einsum("dhw,h,w->d", grid, _covered(y1, y2, grid.shape[1]), _covered(x1, x2, grid.shape[2]))


def _covered(start: float, stop: float, cells: int) -> np.ndarray:
    """[cells]: the share of the interval that lies in each; they add up to 1."""
    start, stop = np.clip((start, stop), 0, 1) * cells
    edges = np.arange(cells + 1)
    lengths = np.clip(np.minimum(stop, edges[1:]) - np.maximum(start, edges[:-1]), 0, None)
    if not lengths.any():
        lengths[min(int(start), cells - 1)] = 1
    return lengths / lengths.sum()


def members(contents: dict[str, bytes], objects: list[dict], features: Sequence[np.ndarray]) -> dict[str, bytes]:
    """The new json and features, [D] for each object, of a sample; what it had of objects and phrases is gone."""
    rows = np.stack(features)
    fits = np.abs(rows).max() < np.finfo(np.float16).max  # half the room, to 3 digits
    rows = rows.astype(np.float16 if fits else np.float32)
    rest = {name: value for name, value in facts(contents).items() if name not in ("objects", "phrases")}
    described = [{name: value for name, value in thing.items() if name != "feature"} for thing in objects]
    file = io.BytesIO()
    np.lib.format.write_array(file, rows)
    return {"json": as_json({**rest, "objects": described}), "rois.npy": file.getvalue()}
