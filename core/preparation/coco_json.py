"""COCO's format for instances: https://cocodataset.org/#format-data."""

from collections.abc import Sequence

from tandemclip.core.preparation.annotated import DIGITS, Picture, Thing


def instances(pictures: Sequence[Picture], categories: Sequence[str], attributes: Sequence[str]) -> dict:
    """What instances_SPLIT.json holds; category k of the list has the id k + 1.

    Beyond COCO's keys: an image's "source", the key of the record it was made of; an annotation's "attributes", by
    name, of which "attributes" lists all with ids from 1 on; "difficult" and "truncated", 1 where PASCAL VOC says so.
    Programs that do not know them pass over them, so that a difficult one counts as any other.
    """
    numbers = {name: number for number, name in enumerate(categories, 1)}
    things = [(picture, thing) for picture in pictures for thing in picture.things]
    return {
        "images": [_image(picture) for picture in pictures],
        "annotations": [_annotation(i, *pair, numbers) for i, pair in enumerate(things, 1)],
        "categories": [{"id": number, "name": name} for name, number in numbers.items()],
        "attributes": [{"id": number, "name": name} for number, name in enumerate(attributes, 1)],
    }


def _image(picture: Picture) -> dict:
    return {
        "id": picture.number,
        "file_name": f"{picture.name}.jpg",
        "width": picture.width,
        "height": picture.height,
        "source": picture.source,
    }


def _annotation(number: int, picture: Picture, thing: Thing, numbers: dict[str, int]) -> dict:
    x1, y1, x2, y2 = thing.box
    facts = {
        "id": number,
        "image_id": picture.number,
        "category_id": numbers[thing.category],
        "bbox": [x1, y1, round(x2 - x1, DIGITS), round(y2 - y1, DIGITS)],
        "area": thing.area,
        "iscrowd": int("crowd" in thing.marks),
    }
    if thing.counts is not None:
        facts["segmentation"] = {"size": [picture.height, picture.width], "counts": thing.counts.tolist()}
    if thing.attributes:
        facts["attributes"] = list(thing.attributes)
    return facts | {mark: 1 for mark in ("difficult", "truncated") if mark in thing.marks}
