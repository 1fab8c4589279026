"""Any source with objects as a data set for detection: COCO's json and PASCAL VOC's tree, over one set of pictures.

    OUT/VOC2007/JPEGImages/000001.jpg     numbered over all splits; mmdet takes the year from this path
    OUT/VOC2007/Annotations/000001.xml    boxes and categories
    OUT/VOC2007/ImageSets/Main/SPLIT.txt
    OUT/annotations/instances_SPLIT.json  boxes, categories, attributes and masks
    OUT/report.json                       what was written and what was passed over, by name

Categories have ids from 1 on, the same in all splits: first those that the sources list, in their order (`scenes`: the
digits from zero; `coco_objects`: by COCO's ids; `voc_objects`: by name), then others that occur, by name.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2

from tandemclip.core.console.progress import Progress
from tandemclip.core.data.records import BrokenRecord, Record
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.sources.voc_objects import ANNOTATIONS, LISTS, PICTURES
from tandemclip.core.errors import UserError
from tandemclip.core.preparation.annotated import PassedOver, Picture, annotated
from tandemclip.core.preparation.coco_json import instances
from tandemclip.core.preparation.threads import in_order
from tandemclip.core.preparation.voc_xml import annotation
from tandemclip.core.whole_file import whole_folder

VOC, COCO, REPORT = "VOC2007", "annotations", "report.json"
JPEG = b"\xff\xd8\xff"
# Colours keep their full resolution: small coloured things would lose theirs.
OPTIONS = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
BROKEN = "a picture that cannot be used"
NO_CROWD = "a crowd, which PASCAL VOC cannot mark (it is in COCO's json)"


def write_detection(splits: dict[str, Source], out: Path, made_of: dict[str, dict]) -> dict:
    """Write the folder `out`, whole or not at all; returns what OUT/report.json says.

    splits: {name, e.g. "train": its source}. made_of: {name: how its source was asked for}, for the report. A JPEG
    stays byte for byte what it is, other pictures become one. UserError where `out` exists, or a split has no box.
    """
    for name in splits:
        if not re.fullmatch(r"[\w-]+", name):
            raise UserError(f"--split {name!r} is no name of a file; take letters, digits, - and _, such as train")
    with whole_folder(out) as folder:
        for place in (PICTURES, ANNOTATIONS, LISTS):
            (folder / VOC / place).mkdir(parents=True)
        (folder / COCO).mkdir()
        passed = PassedOver()
        pictures = _pictures(splits, folder / VOC / PICTURES, passed)
        for split, chosen in pictures.items():
            if not any(picture.things for picture in chosen):
                raise UserError(
                    f"--split {split} has no box in its {len(chosen)} pictures: give a source whose records have "
                    f"objects{_first(passed)}"
                )
        _write_voc(pictures, folder / VOC, passed)
        _write_coco(pictures, folder / COCO, categories(splits, pictures))
        accounts = {split: [account.to_json() for account in source.account()] for split, source in splits.items()}
        report = {**_report(pictures, passed, made_of), "accounts": accounts}
        (folder / REPORT).write_bytes(_json(report))
    return report


def categories(splits: dict[str, Source], pictures: dict[str, list[Picture]]) -> list[str]:
    """In the order of their ids, which are 1, 2 ..."""
    listed = [name for source in splits.values() for name in source.categories]
    things = (thing for chosen in pictures.values() for picture in chosen for thing in picture.things)
    return list(dict.fromkeys([*listed, *sorted({thing.category for thing in things})]))


def _pictures(splits: dict[str, Source], folder: Path, passed: PassedOver) -> dict[str, list[Picture]]:
    """Writes the files of the pictures, and says what is on them."""
    found: dict[str, list[Picture]] = {}
    number = 1
    with Progress("pictures", sum(map(len, splits.values())), 0) as progress:
        for split, source in splits.items():
            found[split] = []
            for record, image in _read(source, passed):
                progress.advance()
                if record is None:
                    continue
                try:
                    picture = annotated(record, number, passed)
                except BrokenRecord as error:
                    passed.add(BROKEN, str(error))
                    continue
                (folder / f"{picture.name}.jpg").write_bytes(image)
                found[split].append(picture)
                number += 1
    return found


def _read(source: Source, passed: PassedOver) -> Iterator[tuple[Record | None, bytes]]:
    """Every record and its picture as a JPEG, in order; None for one that is broken."""

    def read(number: int):
        try:
            record = source[number]
            return record, _jpeg(record)
        except BrokenRecord as error:
            return error

    for result in in_order(read, range(len(source))):
        if isinstance(result, BrokenRecord):
            passed.add(BROKEN, str(result))
            yield None, b""
        else:
            yield result


def _jpeg(record: Record) -> bytes:
    pixels = record.pixels  # decoded also where it is one already, to see that it can be
    if isinstance(record.image, bytes) and record.image.startswith(JPEG):
        return record.image
    return cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), OPTIONS)[1].tobytes()


def _write_voc(pictures: dict[str, list[Picture]], folder: Path, passed: PassedOver) -> None:
    for split, chosen in pictures.items():
        for picture in chosen:
            for thing in picture.things:
                if "crowd" in thing.marks:
                    passed.add(NO_CROWD, f"{picture.source}: {thing.category}, box {list(thing.box)} in pixels")
            (folder / ANNOTATIONS / f"{picture.name}.xml").write_bytes(annotation(picture, folder.name))
        (folder / LISTS / f"{split}.txt").write_text("".join(f"{picture.name}\n" for picture in chosen))


def _write_coco(pictures: dict[str, list[Picture]], folder: Path, names: list[str]) -> None:
    things = (thing for chosen in pictures.values() for picture in chosen for thing in picture.things)
    attributes = sorted({name for thing in things for name in thing.attributes})
    for split, chosen in pictures.items():
        (folder / f"instances_{split}.json").write_bytes(_json(instances(chosen, names, attributes)))


def _report(pictures: dict[str, list[Picture]], passed: PassedOver, made_of: dict[str, dict]) -> dict:
    def of_split(split: str, chosen: list[Picture]) -> dict:
        boxes = Counter(thing.category for picture in chosen for thing in picture.things)
        empty = sum(not picture.things for picture in chosen)
        return {
            "source": made_of.get(split),
            "pictures": len(chosen),
            "without_boxes": empty,
            "boxes": dict(boxes.most_common()),
        }

    return {
        "splits": {split: of_split(split, chosen) for split, chosen in pictures.items()},
        "passed_over": passed.names,
    }


def _first(passed: PassedOver) -> str:
    return "".join(f"; {reason}, e.g. {names[0]}" for reason, names in list(passed.names.items())[:1])


def _json(content: dict) -> bytes:
    return json.dumps(content).encode() + b"\n"  # ASCII: names of files need not be Unicode
