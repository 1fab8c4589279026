"""Object descriptions and ROI features that a detector found, here or elsewhere, written into shards."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from tandemclip.core.data import images
from tandemclip.core.data.records import Object
from tandemclip.core.data.sources.kinds import PICTURES
from tandemclip.core.preparation.objects import UNREADABLE, members
from tandemclip.core.preparation.rewrite import Rewritten, Sample, Told, as_json, facts, rewrite

# (the sample's key, its members) -> its objects with features, the most confident first; None where nothing is known
# of it.
Find = Callable[[str, dict[str, bytes]], tuple[Object, ...] | None]
UNKNOWN = "its picture is not in the file; see --image-key"
NOTHING = "nothing was found on it"


def add_found(patterns: list[str], out: Path, job: dict, find: Find) -> Rewritten:
    """Shards -> the same shards with what is found as "objects" in NNN.json and its features in NNN.rois.npy. What they
    had of "objects" and "phrases" is gone.

    job: what decides the result; a folder begun with another is not gone on with. Counts "samples" and "objects". Those
    that cannot be read, or of which nothing is known, are passed over; where nothing was found is a remark.
    """
    return rewrite(patterns, out, {"command": "objects", **job}, partial(_described, find))


def detected(detector: Callable[[np.ndarray], tuple[Object, ...]]) -> Find:
    """detector: pixels [H, W, 3] uint8 RGB -> objects."""

    def find(key: str, contents: dict[str, bytes]) -> tuple[Object, ...]:
        return detector(images.decode(next(data for kind, data in contents.items() if kind in PICTURES)))

    return find


def _described(find: Find, samples: Iterator[Sample], told: Told) -> Iterator[Sample]:
    for key, contents in samples:
        try:
            facts(contents)  # raises for a json that could not be added to
            things = find(key, contents)
        except (StopIteration, ValueError, images.Undecodable):
            told.passed_over.add(UNREADABLE, key)
            yield key, contents
            continue
        if things is None:
            told.passed_over.add(UNKNOWN, key)
            yield key, contents
            continue
        told.counts["objects"] += len(things)
        if not things:
            told.remarks.add(NOTHING, key)
        yield key, _with(contents, things)


def _with(contents: dict[str, bytes], things: tuple[Object, ...]) -> dict[str, bytes]:
    if things:
        return {**contents, **members(contents, [_facts(thing) for thing in things], [t.feature for t in things])}
    rest = {name: value for name, value in facts(contents).items() if name != "phrases"}
    without = {kind: data for kind, data in contents.items() if kind != "rois.npy"}
    return {**without, "json": as_json({**rest, "objects": []})}


def _facts(thing: Object) -> dict:
    found = {"phrase": thing.phrase, "box": thing.box, "confidence": thing.confidence}
    if thing.category is not None:
        found["category"] = thing.category
    return {**found, "attributes": thing.attributes} if thing.attributes else found
