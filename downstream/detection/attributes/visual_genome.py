"""Visual Genome as it is published (https://homes.cs.washington.edu/~ranjay/visualgenome/api.html), version 1.4."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mmdet.registry import DATASETS
from mmengine.logging import print_log

from tandemclip.core.data.texts import from_json, utf8
from tandemclip.core.errors import UserError
from tandemclip.downstream.detection.attributes.dataset import ObjectAttributeDataset
from tandemclip.downstream.detection.attributes.vocabulary import Vocabulary, open_vocabulary, plain

SHOWN = 5  # names of those that fell out


@DATASETS.register_module()
class VisualGenomeDataset(ObjectAttributeDataset):
    """data_root: a folder with objects.json, attributes.json and image_data.json, and the pictures in VG_100K and
    VG_100K_2.

    categories, attributes: how many of the most frequent names, over the whole files, so that all splits have the same;
    or the paths of files of names (see `open_vocabulary`). category_aliases, attribute_aliases: files of synonyms.
    images: a file that lists the pictures of a split, by number or path, the first word of each line; without it all.

    Of an object's several names the first counts. Boxes whose name is no category are left out, and names that are no
    attribute; both are counted, and the log names the most frequent. Raises UserError for files that are not so.
    """

    def __init__(
        self,
        *args,
        categories: int | str,
        attributes: int | str,
        category_aliases: str | None = None,
        attribute_aliases: str | None = None,
        images: str | None = None,
        **kwargs,
    ):
        self.categories, self.attributes, self.images = categories, attributes, images
        self.category_aliases, self.attribute_aliases = category_aliases, attribute_aliases
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list[dict]:
        root = Path(self.data_root)
        objects, described = _by_image(root / "objects.json", "objects"), _attributes(root / "attributes.json")
        category = open_vocabulary(
            self.categories, "label", (_name(thing) for things in objects.values() for thing in things),
            self.category_aliases,
        )  # fmt: skip
        used = (name for names in described.values() for name in names)
        attribute = open_vocabulary(self.attributes, "attribute", used, self.attribute_aliases)
        self._take_names(category.names, attribute.names)
        self.cat_ids = list(range(len(category.names)))
        self.cat2label = {number: number for number in self.cat_ids}
        self.cat_img_map: dict[int, list[int]] = {number: [] for number in self.cat_ids}
        lost = {"boxes": Counter(), "attributes": Counter()}
        parsed, annotated = [], 0
        for image, things in _pictures(root / "image_data.json", objects, self.images):
            annotations = _annotations(things, described, category, attribute, lost)
            annotated += len(annotations)
            parsed.append(self.parse_data_info({"raw_img_info": image, "raw_ann_info": annotations}))
            for label in {instance["bbox_label"] for instance in parsed[-1]["instances"]}:
                self.cat_img_map[label].append(image["img_id"])
        _tell(parsed, annotated, lost)
        return parsed


def _annotations(things, described, category: Vocabulary, attribute: Vocabulary, lost) -> list[dict]:
    """COCO's annotations of a picture's objects that are of a category."""
    found = []
    for thing in things:
        number = category.number(_name(thing))
        if number is None:
            lost["boxes"][plain(_name(thing))] += 1
            continue
        names = set()
        for name in described.get(thing["object_id"], ()):
            if (of_attribute := attribute.number(name)) is None:
                lost["attributes"][plain(name)] += 1
            else:
                names.add(attribute.names[of_attribute])
        x, y, w, h = (thing[key] for key in "xywh")
        found.append(
            {"id": thing["object_id"], "bbox": [x, y, w, h], "area": w * h, "category_id": number}
            | {"attributes": sorted(names)}
        )
    return found


def _tell(parsed: list[dict], annotated: int, lost: dict[str, Counter]) -> None:
    """annotated: how many boxes were of a category."""
    boxes = sum(len(picture["instances"]) for picture in parsed)
    print_log(
        f"Visual Genome: {len(parsed)} pictures with {boxes} boxes; {annotated - boxes} more are narrower than a pixel "
        "or outside of their picture",
        "current",
    )
    for what, names in lost.items():
        if names:
            most = ", ".join(f"{name} ({count})" for name, count in names.most_common(SHOWN))
            print_log(
                f"Visual Genome: {names.total()} {what} fell out, of {len(names)} names that the vocabulary does not "
                f"have, most often {most}",
                "current",
            )


def _pictures(path: Path, objects: dict[int, list], listed: str | None) -> Iterator[tuple[dict, list]]:
    """(COCO's entry of a picture, its objects) in the order of image_data.json."""
    chosen = None if listed is None else _listed(listed)
    known = {entry["image_id"]: entry for entry in _by_number(path, ("image_id", "url", "width", "height"))}
    if missing := sorted((chosen or set()) - set(known)):
        raise UserError(f"{listed} lists {len(missing)} pictures that {path} does not have, e.g. {missing[0]}")
    for number, entry in known.items():
        if chosen is None or number in chosen:
            image = {
                "img_id": number,
                "file_name": "/".join(entry["url"].split("/")[-2:]),  # VG_100K/2.jpg
                "width": entry["width"],
                "height": entry["height"],
            }
            yield image, objects.get(number, [])


def _listed(path: str) -> set[int]:
    try:
        lines = utf8(Path(path).read_bytes()).splitlines()
        return {int(Path(line.split()[0]).stem) for line in lines if line.strip()}
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} is no list of pictures ({error}); expected a number or a path like VG_100K/2.jpg a line"
        ) from error


def _attributes(path: Path) -> dict[int, list[str]]:
    """{an object's number: its attributes}"""
    things = (thing for things in _by_image(path, "attributes").values() for thing in things)
    return {thing["object_id"]: thing["attributes"] for thing in things if thing.get("attributes")}


def _by_image(path: Path, kind: str) -> dict[int, list[dict]]:
    return {entry["image_id"]: entry[kind] for entry in _by_number(path, ("image_id", kind))}


def _by_number(path: Path, keys: tuple[str, ...]) -> list[dict]:
    """`_read`, where every picture has one entry: of two, nothing would say which is meant."""
    entries = _read(path, keys)
    if twice := [number for number, times in Counter(entry["image_id"] for entry in entries).items() if times > 1]:
        raise UserError(
            f"{path} has several entries for {len(twice)} pictures, e.g. image_id {twice[0]}; leave one of each"
        )
    return entries


def _name(thing: dict) -> str:
    return thing["names"][0] if thing.get("names") else ""


def _read(path: Path, keys: tuple[str, ...]) -> list[dict]:
    try:
        content = from_json(path.read_bytes())
        if not all(set(keys) <= set(entry) for entry in content):
            raise ValueError("an entry lacks a key")
        return content
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); download Visual Genome's and unpack it") from error
    except (TypeError, ValueError) as error:
        raise UserError(f"{path} is not as published ({error}); expected a list of {', '.join(keys)}") from error
