"""Writing what `shards` reads: WebDataset tar files, equal bytes for equal records."""

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from tandemclip.core.data.masks import to_counts
from tandemclip.core.data.records import Object, Record
from tandemclip.core.errors import UserError
from tandemclip.core.whole_file import whole_file

# By how a file begins, as its name may lie.
EXTENSIONS = {
    b"\xff\xd8\xff": "jpg",
    b"\x89PNG": "png",
    b"RIFF": "webp",
    b"GIF8": "gif",
    b"BM": "bmp",
    b"II*\0": "tif",
    b"MM\0*": "tif",
}


def write_shard(path: Path, samples: Iterable[tuple[str, dict[str, bytes]]]) -> int:
    """A plain tar file of (key, {extension: content}) in the order given, e.g. ("00000000", {"jpg": ..., "json": ...}).

    Whole or not there, replacing what has its name; equal samples give equal bytes. A key has no dot in its last part.
    Returns how many samples it has. Raises UserError where the disk refuses.
    """
    count = 0
    with whole_file(Path(path)) as file, tarfile.open(fileobj=file, mode="w") as archive:
        for key, members in samples:
            for extension, content in members.items():
                info = tarfile.TarInfo(f"{key}.{extension}")  # its time is 0, its owner nobody
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            archive.members = []  # tarfile would keep all of them in memory
            count += 1
    return count


def encode(record: Record) -> dict[str, bytes]:
    """{extension: content} that `shards` reads as an equal record; only "source", its key, is for people. What texts a
    class has is up to who reads them.

    The image file's bytes stay as they are where it is of a kind that shards may hold; else its pixels become PNG.
    Raises BrokenRecord where they are needed and cannot be had, and UserError where several classes may be in the
    picture, as a sample has a place for one.
    """
    if record.present is not None:
        raise UserError(
            f"{record.key} says of {len(record.present)} classes whether they are there, and a sample of a shard has "
            "one class at most; evaluate on the source itself, without writing shards of it"
        )
    image = record.image if isinstance(record.image, bytes) else b""
    extension = next((name for start, name in EXTENSIONS.items() if image.startswith(start)), None)
    if extension is None:
        extension, image = "png", cv2.imencode(".png", cv2.cvtColor(record.pixels, cv2.COLOR_RGB2BGR))[1].tobytes()
    facts = {"source": record.key} if record.prompted else {"source": record.key, "captions": record.captions}
    if record.summary is not None:
        facts["summary"] = record.summary
    if record.attributes:
        facts["attributes"] = record.attributes
    objects, features = _objects(record.objects)
    text = json.dumps({**facts, **objects}, ensure_ascii=False)
    content = {extension: image, "json": text.encode("utf-8", "backslashreplace"), **features}
    return content if record.label is None else {**content, "cls": str(record.label).encode()}


def _objects(objects: tuple[Object, ...]) -> tuple[dict[str, list[dict]], dict[str, bytes]]:
    """-> (what the json says of them, {"rois.npy": their features} where all have one of the same length)

    As "phrases" where nothing but annotated phrases is known, so that they do not look like a detector's.
    """
    if all(thing.confidence == 1 and thing.feature is None for thing in objects):
        return {"phrases": [_annotated(thing) for thing in objects]} if objects else {}, {}
    facts = [{**_annotated(thing), "confidence": thing.confidence} for thing in objects]
    shapes = {None if thing.feature is None else thing.feature.shape for thing in objects}
    if len(shapes) == 1 and None not in shapes:
        return {"objects": facts}, {"rois.npy": _array(np.stack([thing.feature for thing in objects]))}
    for thing, entry in zip(objects, facts):
        if thing.feature is not None:
            entry["feature"] = thing.feature.tolist()
    return {"objects": facts}, {}


def _annotated(thing: Object) -> dict:
    facts = {"phrase": thing.phrase, "box": thing.box}
    if thing.category is not None:
        facts["category"] = thing.category
    if thing.attributes:
        facts["attributes"] = thing.attributes
    if thing.mask is not None:
        facts["mask"] = {"size": thing.mask.shape, "counts": to_counts(thing.mask)}
    if thing.marks:
        facts["marks"] = sorted(thing.marks)
    return facts


def _array(features: np.ndarray) -> bytes:
    """In half the room where that loses nothing."""
    with np.errstate(over="ignore"):
        half = features.astype(np.float16)
    file = io.BytesIO()
    np.lib.format.write_array(file, half if np.array_equal(half, features, equal_nan=True) else features)
    return file.getvalue()
