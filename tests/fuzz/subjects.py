"""What is edited: small data sets whose pictures say which caption is theirs, and the configurations that ship.

Names, ids and captions are long and all different, so that no small edit makes one into another.
"""

import hashlib
import io
import json
import tarfile
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import yaml

from tandemclip.backends.torch.engine import Engine as Torch
from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.sources.captions_table import CaptionsTable
from tandemclip.core.data.sources.class_folder import ClassFolder
from tandemclip.core.data.sources.coco_captions import CocoCaptions
from tandemclip.core.data.sources.coco_objects import CocoObjects
from tandemclip.core.data.sources.shards import Shards
from tandemclip.core.data.tokenizers.trained import TrainedTokenizer
from tandemclip.core.data.views.rois import RoiView
from tandemclip.core.data.views.text import TextView
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.configured import evaluate_run
from tandemclip.core.random import generator
from tandemclip.core.training import start
from tandemclip.core.training.config import read
from tandemclip.tests.core.data.numbered import encoded, number_of
from tandemclip.tests.fuzz import edits

COUNT = 6


def mark(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:12]


def caption(number: int) -> str:
    return f"picture {mark(number)} of number {number}"


OWNERS = {caption(number): number for number in range(COUNT)}
VIEWS = (TextView("caption", 12), TextView("summary", 12), TextView("objects", 12, "labels"), RoiView(4, 3))
WORDS = TrainedTokenizer.train(list(OWNERS), 60)


def read_all(source) -> list[str]:
    """Ask a source everything that training and evaluation ask. -> complaints: records with another's caption."""
    source.account()
    source.labels()
    list(source.texts(4))
    _ = source.prompts, source.class_names
    wrong = []
    for index in range(len(source)):
        with suppress(BrokenRecord):
            record = source[index]
            picture = record.pixels
            number = number_of(picture) if np.ptp(picture.reshape(-1, 3), 0).max() < 4 else None
            texts = [*record.captions, record.summary or "", *(thing.phrase for thing in record.objects)]
            wrong += [f"{record.key}: {text}" for text in texts if OWNERS.get(text.strip(), number) != number]
            for view in VIEWS:
                with suppress(BrokenRecord, UserError):
                    view(record, generator("fuzz", index), WORDS)
    return wrong


# ------------------------------------------------------------------ data sets: what is edited, how, and what reads it
def pictures(folder: Path) -> None:
    for number in range(COUNT):
        (folder / f"{mark(number)}.png").write_bytes(encoded("png", number))


def table(ending: str, rng, folder: Path) -> list[str]:
    pictures(folder)
    separator = {"csv": ",", "tsv": "\t"}[ending]
    rows = [f"{mark(number)}.png{separator}{caption(number)}" for number in range(COUNT)]
    rows += [f'{mark(number)}.png{separator}"a second ""one"", in quotation marks"' for number in range(2)]
    data = "\n".join([f"path{separator}caption", *rows, ""]).encode()
    path = folder / f"table.{ending}"
    path.write_bytes(edits.several(rng.choice((edits.of_bytes, edits.of_lines)), rng, data))
    return read_all(CaptionsTable(str(path)))


def write_json(rng, path: Path, content) -> Path:
    edit_text = rng.random() < 0.4
    content = content if edit_text else edits.several(edits.of_tree, rng, content)
    text = json.dumps(content, indent=rng.choice((None, 1))).encode()
    path.write_bytes(edits.several(edits.of_bytes, rng, text) if edit_text else text)
    return path


def coco_images() -> list[dict]:
    return [
        {"id": int(mark(number), 16), "file_name": f"{mark(number)}.png", "height": 24, "width": 24}
        for number in range(COUNT)
    ]


def coco_captions(rng, folder: Path) -> list[str]:
    pictures(folder)
    notes = [
        {"image_id": image["id"], "id": number, "caption": caption(number)}
        for number, image in enumerate(coco_images())
    ]
    path = write_json(rng, folder / "captions.json", {"images": coco_images(), "annotations": notes})
    return read_all(CocoCaptions(str(path), str(folder)))


def coco_objects(rng, folder: Path) -> list[str]:
    pictures(folder)
    things = [
        {"id": number, "image_id": image["id"], "category_id": image["id"], "bbox": [2, 2, 9, 9], "iscrowd": 0,
         "area": 81, "segmentation": rng.choice(([[2, 2, 11, 2, 11, 11]], {"size": [24, 24], "counts": [50, 9, 517]}))}
        for number, image in enumerate(coco_images())
    ]  # fmt: skip
    categories = [{"id": image["id"], "name": caption(number)} for number, image in enumerate(coco_images())]
    content = {"images": coco_images(), "annotations": things, "categories": categories}
    source = CocoObjects(str(write_json(rng, folder / "instances.json", content)), str(folder))
    _ = source.categories
    return read_all(source)


def class_names(rng, folder: Path) -> list[str]:
    """Of folders, in both forms, by which a class is told from the others by its folder."""
    for number in range(COUNT):
        (folder / "data" / mark(number)).mkdir(parents=True)
        (folder / "data" / mark(number) / "a.png").write_bytes(encoded("png", number))
    names = {mark(number): caption(number) for number in range(COUNT)}
    if rng.random() < 0.5:
        names = {str(place): [folder, name] for place, (folder, name) in enumerate(names.items())}
    path = write_json(rng, folder / "names.json", names)
    return read_all(ClassFolder(str(folder / "data"), ("{}",), str(path)))


def numbered_classes(rng, folder: Path) -> list[str]:
    """Of numbers: an entry that is left out is noticed where numbers stand beside the names."""
    members = {f"{mark(number)}.{kind}": content for number in range(COUNT) for kind, content in (
        ("png", encoded("png", number)), ("cls", str(number).encode())
    )}  # fmt: skip
    path = folder / "x.tar"
    path.write_bytes(tar(members))
    forms = (
        {str(number): caption(number) for number in range(COUNT)},
        [{"id": number, "name": caption(number)} for number in range(COUNT)],
    )
    names = write_json(rng, folder / "names.json", rng.choice(forms))
    return read_all(Shards(str(path), str(names), ("{}",)))


def tar(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def facts(number: int) -> dict:
    thing = {"phrase": caption(number), "box": [0.1, 0.1, 0.5, 0.5], "confidence": 0.5, "category": "thing"}
    thing |= {"attributes": ["red"], "mask": {"size": [24, 24], "counts": [50, 9, 517]}, "marks": ["crowd"]}
    return {
        "captions": [caption(number)], "summary": caption(number), "label": number, "attributes": {"color": 2},
        "objects": [thing | {"feature": [0.0, 1.0, 2.0, 3.0]}],
        "phrases": [{"phrase": caption(number), "box": [0, 0, 1, 1]}],
    }  # fmt: skip


def samples() -> dict[str, bytes]:
    members = {}
    for number in range(COUNT):
        members[f"{mark(number)}.png"] = encoded("png", number)
        if number % 2:
            members[f"{mark(number)}.txt"] = caption(number).encode()
            members[f"{mark(number)}.cls"] = str(number).encode()
        else:
            members[f"{mark(number)}.json"] = json.dumps(facts(number)).encode()
    return members


def read_tar(folder: Path, data: bytes) -> list[str]:
    path = folder / "x.tar"
    path.write_bytes(data)
    return read_all(Shards(str(path)))


def archives(edit, rng, folder: Path) -> list[str]:
    return read_tar(folder, edit(rng, tar(samples())))


def sidecars(rng, folder: Path) -> list[str]:
    """One text of a record is edited: its json, txt or cls."""
    members = samples()
    name = rng.choice([name for name in members if not name.endswith(".png")])
    if name.endswith(".json") and rng.random() < 0.7:
        members[name] = json.dumps(edits.several(edits.of_tree, rng, json.loads(members[name]))).encode()
    else:
        members[name] = edits.several(edits.of_bytes, rng, members[name])
    return read_tar(folder, tar(members))


# ------------------------------------------------------------------ configurations
def configuration(paths: list[Path], rng, folder: Path) -> list[str]:
    """As it lies there, its text edited; or with its bases laid under it, a node of all that it says edited."""
    original = rng.choice(paths)
    path = folder / "config.yaml"
    if rng.random() < 0.3:
        text = original.read_bytes().replace(b"base: ", f"base: {original.parent}/".encode())
        path.write_bytes(edits.several(edits.of_bytes, rng, text))
    else:
        tree = edits.several(edits.of_tree, rng, read(original)[1])
        text = yaml.safe_dump(tree, allow_unicode=rng.random() < 0.5)
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
    config, mapping = read(path)
    method, training = config.method, config.training
    _ = config.views_a_step, training.tuning.groups(method, training.update), training.schedule(1000)
    if original.name.startswith("tiny_") and _is_small(method, mapping):
        trainer = start.begin(folder / "run", config, mapping, _engine, evaluate=evaluate_run)
        trainer.prepare(lambda text: None)
        trainer.train(1)
    return []


def _is_small(method, mapping) -> bool:
    """Whether a step takes well under a second: what is odd about large numbers is looked for by reading alone."""
    numbers = [x for x in edits.leaves(mapping) if isinstance(x, (int, float)) and not isinstance(x, bool)]
    weights = sum(np.prod(each.shape) for each in method.declared().values())
    return weights < 1_000_000 and all(abs(x) <= 1000 for x in numbers)


def _engine(config, weights):
    training = config.training
    return Torch(
        config.method, weights, training.update, precision=training.precision, tuning=training.tuning, device="cpu"
    )


def kinds(root: Path) -> dict:
    """{name: f(rng, empty folder) -> complaints}"""
    shipped = sorted((root / "configs" / "pretrain").rglob("*.yaml"))
    tiny = [path for path in shipped if path.name.startswith("tiny_")]
    return {
        "a config": partial(configuration, shipped), "a csv": partial(table, "csv"),
        "tar headers": partial(archives, edits.of_headers), "COCO captions": coco_captions,
        "a tiny config": partial(configuration, tiny), "sidecars": sidecars, "a tsv": partial(table, "tsv"),
        "tar members": partial(archives, edits.of_members), "COCO objects": coco_objects,
        "names of folders": class_names, "names of numbers": numbered_classes,
    }  # fmt: skip
