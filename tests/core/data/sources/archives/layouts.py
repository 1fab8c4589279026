"""Small archives in the official layouts, as their authors describe them. Picture number n is of one grey, n."""

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from scipy.io import savemat

from tandemclip.core.data.sources.archives.cifar import Cifar
from tandemclip.core.data.sources.archives.fer2013 import Fer2013
from tandemclip.core.data.sources.archives.fgvc_aircraft import FgvcAircraft
from tandemclip.core.data.sources.archives.flowers102 import Flowers102
from tandemclip.core.data.sources.archives.gtsrb import Gtsrb
from tandemclip.core.data.sources.archives.hateful_memes import HatefulMemes
from tandemclip.core.data.sources.archives.idx import Idx
from tandemclip.core.data.sources.archives.kitti_distance import KittiDistance
from tandemclip.core.data.sources.archives.labelled import Labelled
from tandemclip.core.data.sources.archives.listed_folders import ListedFolders
from tandemclip.core.data.sources.archives.oxford_pets import OxfordPets
from tandemclip.core.data.sources.archives.stanford_cars import StanfordCars
from tandemclip.core.data.sources.archives.stl10 import Stl10


class Archive(NamedTuple):
    """source: reads it. pairs: (grey, class) of its pictures, in order. names: of its classes. file: of the first
    picture; None where all lie in one."""

    source: Labelled
    pairs: list[tuple[int, int]]
    names: tuple[str, ...]
    file: str | None


def put(folder: Path, name: str, content: bytes | str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def with_file(layout: Callable[[Path], Archive], folder: Path, name: str, content: bytes | str) -> Labelled:
    """An archive of this layout, but for one file."""
    archive = layout(folder)
    put(folder, name, content)
    return archive.source


def draw(folder: Path, name: str, grey: int) -> None:
    """PNG in place of JPEG, whatever the name ends in, so that the grey stays what it is."""
    put(
        folder,
        name,
        cv2.imencode(".ppm" if name.endswith(".ppm") else ".png", np.full((6, 8, 3), grey, np.uint8))[1].tobytes(),
    )


def dtd(folder):
    for grey, name in ((1, "banded/banded_1.jpg"), (2, "dotted/dotted_1.jpg"), (3, "banded/banded_2.jpg")):
        draw(folder, f"images/{name}", grey)
    put(folder, "labels/test1.txt", "banded/banded_2.jpg\ndotted/dotted_1.jpg\n")
    source = ListedFolders(str(folder), lists=("labels/test1.txt",), pictures_in="images")
    return Archive(source, [(3, 0), (2, 1)], ("banded", "dotted"), "images/banded/banded_2.jpg")


def food101(folder):
    draw(folder, "images/ice_cream/12.jpg", 1)
    draw(folder, "images/bibimbap/34.jpg", 2)
    put(folder, "meta/test.txt", "ice_cream/12\nbibimbap/34\n")
    put(folder, "meta/classes.txt", "apple_pie\nbibimbap\nice_cream\n")
    more = {"lists": ("meta/test.txt",), "names": "meta/classes.txt", "pictures_in": "images", "ending": ".jpg"}
    return Archive(
        ListedFolders(str(folder), **more),
        [(1, 2), (2, 1)],
        ("apple pie", "bibimbap", "ice cream"),
        "images/ice_cream/12.jpg",
    )


def sun397(folder):
    draw(folder, "a/abbey/sun_a.jpg", 1)
    draw(folder, "a/apartment_building/outdoor/sun_b.jpg", 2)
    put(folder, "Testing_01.txt", "/a/apartment_building/outdoor/sun_b.jpg\r\n/a/abbey/sun_a.jpg\r\n")
    put(folder, "ClassName.txt", "/a/abbey\n/a/apartment_building/outdoor\n")
    source = ListedFolders(str(folder), lists=("Testing_01.txt",), names="ClassName.txt")
    names = ("abbey", "apartment building outdoor")
    return Archive(source, [(2, 1), (1, 0)], names, "a/apartment_building/outdoor/sun_b.jpg")


def pets(folder):
    for grey, name in enumerate(("Abyssinian_1", "american_bulldog_7", "Abyssinian_2"), 1):
        draw(folder, f"images/{name}.jpg", grey)
    head = "#Image CLASS-ID SPECIES BREED ID\n#ID: 1:37 Class ids\n"
    put(folder, "annotations/trainval.txt", "american_bulldog_7 2 2 1\nAbyssinian_1 1 1 1\n")
    put(folder, "annotations/test.txt", f"{head}Abyssinian_2 1 1 1\n")
    names = ("Abyssinian", "american bulldog")
    return Archive(OxfordPets(str(folder), split="trainval"), [(2, 1), (1, 0)], names, "images/american_bulldog_7.jpg")


def aircraft(folder):
    draw(folder, "images/0034309.jpg", 1)
    draw(folder, "images/0034958.jpg", 2)
    put(folder, "variants.txt", "707-320\nA340-200\nCessna 172\n")
    put(folder, "images_variant_test.txt", "0034309 Cessna 172\n0034958 707-320\n")
    names = ("707-320", "A340-200", "Cessna 172")
    return Archive(FgvcAircraft(str(folder)), [(1, 2), (2, 0)], names, "images/0034309.jpg")


def cars(folder):
    kinds = [(name, object) for name in ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "fname")]
    rows = np.empty((1, 2), kinds)
    rows[0] = [(1, 2, 3, 4, 2, "00001.jpg"), (1, 2, 3, 4, 1, "00002.jpg")]
    names = ("AM General Hummer SUV 2000", "Acura RL Sedan 2012")
    (folder / "devkit").mkdir(parents=True)
    savemat(folder / "cars_test_annos_withlabels.mat", {"annotations": rows})
    savemat(folder / "devkit" / "cars_meta.mat", {"class_names": np.array(names, object)[None]})
    draw(folder, "cars_test/00001.jpg", 1)
    draw(folder, "cars_test/00002.jpg", 2)
    return Archive(StanfordCars(str(folder)), [(1, 1), (2, 0)], names, "cars_test/00001.jpg")


def flowers(folder):
    for number in range(1, 5):
        draw(folder, f"jpg/image_{number:05d}.jpg", number)
    savemat(folder / "imagelabels.mat", {"labels": np.array([[2, 1, 3, 3]], np.uint8)})
    savemat(folder / "setid.mat", {"trnid": [[1]], "valid": [[2]], "tstid": [[4, 1]]})
    put(folder, "names.json", '["pink primrose", "sweet pea", "lotus"]')
    source = Flowers102(str(folder), classes=str(folder / "names.json"))
    return Archive(source, [(4, 2), (1, 1)], ("pink primrose", "sweet pea", "lotus"), "jpg/image_00004.jpg")


def signs(folder):
    draw(folder, "GTSRB/Final_Test/Images/00000.ppm", 1)
    draw(folder, "GTSRB/Final_Test/Images/00001.ppm", 2)
    head = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\r\n"
    put(folder, "GT-final_test.csv", f"{head}00000.ppm;8;6;1;1;7;5;1\r\n00001.ppm;8;6;1;1;7;5;0\r\n")
    put(folder, "names.json", '["stop", "yield"]')
    source = Gtsrb(str(folder), classes=str(folder / "names.json"))
    return Archive(source, [(1, 1), (2, 0)], ("stop", "yield"), "GTSRB/Final_Test/Images/00000.ppm")


def signs_to_learn(folder):
    draw(folder, "GTSRB/Training/00001/00000_00000.ppm", 1)
    draw(folder, "GTSRB/Training/00000/00000_00000.ppm", 2)
    put(folder, "GTSRB/Training/00000/GT-00000.csv", "Filename;Width\n")
    put(folder, "GTSRB/Training/Readme.txt", "read me")
    draw(folder, "GTSRB/Training/examples/00000.ppm", 3)
    put(folder, "names.json", '["stop", "yield"]')
    source = Gtsrb(str(folder), classes=str(folder / "names.json"), split="train")
    return Archive(source, [(2, 0), (1, 1)], ("stop", "yield"), "GTSRB/Training/00000/00000_00000.ppm")


def memes(folder):
    rows = [{"id": 1, "img": "img/01.png", "label": 1, "text": "é"}, {"id": 2, "img": "img/02.png", "label": 0}]
    put(folder, "dev.jsonl", "\n".join(json.dumps(row) for row in [rows[0], {"id": 3, "img": "img/03.png"}, rows[1]]))
    draw(folder, "img/01.png", 1)
    draw(folder, "img/02.png", 2)
    return Archive(HatefulMemes(str(folder)), [(1, 1), (2, 0)], ("meme", "hatespeech meme"), "img/01.png")


def kitti(folder):
    line = "{} 0.00 0 -1.57 1 2 3 4 1.5 1.6 3.7 0.5 1.6 {} 1.59\n"
    things = [[("Car", 7.9), ("Van", 30)], [("Truck", 8.1)], [("Van", 25), ("Cyclist", 1)], [("Pedestrian", 3)]]
    for number, of_one in enumerate(things):
        put(folder, f"training/label_2/{number:06d}.txt", "".join(line.format(*each) for each in of_one))
        draw(folder, f"training/image_2/{number:06d}.png", number)
    names = ("a car very near", "a car nearby", "a car in the distance", "no car")
    return Archive(KittiDistance(str(folder)), [(0, 0), (1, 1), (2, 2), (3, 3)], names, "training/image_2/000000.png")


def cifar10(folder):
    for number in range(1, 6):
        put(folder, f"data_batch_{number}.bin", bytes([number % 2]) + bytes([number]) * 3072)
    put(folder, "batches.meta.txt", "airplane\nautomobile\n\n")
    pairs = [(number, number % 2) for number in range(1, 6)]
    return Archive(Cifar(str(folder), split="train"), pairs, ("airplane", "automobile"), None)


def cifar100(folder):
    put(folder, "test.bin", bytes([9, 1]) + bytes([5]) * 3072 + bytes([8, 0]) + bytes([6]) * 3072)
    put(folder, "fine_label_names.txt", "apple\naquarium_fish\n")
    return Archive(Cifar(str(folder)), [(5, 1), (6, 0)], ("apple", "aquarium fish"), None)


def stl10(folder):
    put(folder, "test_X.bin", bytes([5]) * 27648 + bytes([6]) * 27648)
    put(folder, "test_y.bin", bytes([2, 1]))
    put(folder, "class_names.txt", "airplane\nbird\n")
    return Archive(Stl10(str(folder)), [(5, 1), (6, 0)], ("airplane", "bird"), None)


def mnist(folder):
    pixels = np.repeat(np.array([5, 6], np.uint8), 28 * 28).tobytes()
    head = lambda *numbers: b"".join(number.to_bytes(4, "big") for number in numbers)
    put(folder, "t10k-images-idx3-ubyte.gz", gzip.compress(head(0x803, 2, 28, 28) + pixels))
    put(folder, "t10k-labels-idx1-ubyte", head(0x801, 2) + bytes([2, 0]))
    return Archive(Idx(str(folder)), [(5, 2), (6, 0)], ("0", "1", "2"), None)


def fer2013(folder):
    rows = [("3", "Training", 1), ("6", "PrivateTest", 2), ("0", "PrivateTest", 3), ("1", "PublicTest", 4)]
    with open(folder / "icml_face_data.csv", "w", newline="") as file:
        csv.writer(file).writerow(("emotion", " Usage", " pixels"))
        csv.writer(file).writerows((label, usage, " ".join([str(grey)] * 48 * 48)) for label, usage, grey in rows)
    names = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    return Archive(Fer2013(str(folder)), [(2, 6), (3, 0)], names, None)


ALL: list[Callable[[Path], Archive]] = [
    dtd, food101, sun397, pets, aircraft, cars, flowers, signs, signs_to_learn, memes, kitti, cifar10, cifar100, stl10,
    mnist, fer2013,
]  # fmt: skip
