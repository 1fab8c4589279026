"""Archives whose lists say what cannot be: each is told in one sentence that names the file, or counted."""

import csv
import gzip
import io
import json

import numpy as np
import pytest
from scipy.io import savemat

from tandemclip.core.data.sources.archives.gtsrb import Gtsrb
from tandemclip.core.errors import UserError
from tandemclip.tests.core.data.sources.archives.layouts import (
    aircraft,
    cars,
    draw,
    fer2013,
    flowers,
    kitti,
    memes,
    mnist,
    pets,
    put,
    signs,
    signs_to_learn,
    with_file,
)

TABLE, SIGNS, IMAGES = "icml_face_data.csv", "GT-final_test.csv", "t10k-images-idx3-ubyte"
PIXELS = " ".join(["7"] * 48 * 48)
SETS, ANNOTATIONS, META = "setid.mat", "cars_test_annos_withlabels.mat", "devkit/cars_meta.mat"


@pytest.fixture(autouse=True)
def shortest_field():
    """Libraries that are imported beside raise Python's limit, for all of the process."""
    before = csv.field_size_limit(131_072)
    yield
    csv.field_size_limit(before)


def faces(*rows):
    return "emotion,pixels,Usage\n" + "\n".join(rows)


def mat(**variables):
    file = io.BytesIO()
    savemat(file, variables)
    return file.getvalue()


def rows_of_cars(*rows):
    return mat(annotations=np.array(list(rows), [("fname", object), ("class", object)]))


def idx(*shape, body=0):
    return bytes([0, 0, 8, 3]) + np.array(shape, ">i4").tobytes() + bytes(body)


def vehicle(distance):
    return f"Car 0 0 0 0 0 0 0 0 0 0 0 0 {distance} 0\n"


def meme(**row):
    return json.dumps({"img": "img/01.png", "label": 1, **row})


@pytest.mark.parametrize(
    "layout, name, content, words",
    [
        (fer2013, TABLE, faces(f"0,{PIXELS.replace('7 7', '300 -1', 1)},PrivateTest"), "row 2: pixels from -1 to 300"),
        (fer2013, TABLE, faces(f"0,{PIXELS},PrivateTest", f"0,{PIXELS},"), "row 3: 3 cells and the Usage ''"),
        (fer2013, TABLE, faces(f"0,{PIXELS},privatetest"), "row 2: 3 cells and the Usage 'privatetest'"),
        (fer2013, TABLE, faces(f"0,{PIXELS},PrivateTest,x"), "row 2: 4 cells and the Usage 'PrivateTest'"),
        (fer2013, TABLE, faces('"0,' + PIXELS * 40), "icml_face_data.csv has .field larger than field limit"),
        (fer2013, TABLE, "emotion,pixels,Usage,Usage\n", "row 1: emotion,pixels,Usage,Usage"),
        (fer2013, "fer2013.csv", "", "has fer2013.csv and icml_face_data.csv, expected one; move the other away"),
        (signs, SIGNS, "", "GT-final_test.csv has '',"),
        (signs, SIGNS, "Filename;ClassId\n0.ppm;-1", "has '0.ppm;-1'"),
        (signs, SIGNS, "Filename;ClassId\n0.ppm;99999999999", "has '0.ppm;99999999999'"),
        (signs, SIGNS, "Filename;ClassId\n0.ppm;1;2", "has '0.ppm;1;2'"),
        (kitti, "training/label_2/000001.txt", vehicle("near"), "000001.txt has 'Car .* near 0'"),
        (kitti, "training/label_2/000001.txt", vehicle("nan"), "000001.txt has 'the distances .nan.'"),
        (kitti, "training/label_2/000001.txt", vehicle(-1000), "000001.txt has 'the distances .-1000.0.'"),
        (pets, "annotations/test.txt", "Abyssinian_2 2 1 1", "Abyssinian_2 of class 2, unlike another line"),
        (pets, "annotations/test.txt", "pug_2 1 1 1", "pug_2 of class 1, unlike another line"),
        (pets, "annotations/test.txt", "Abyssinian_1 3 1 1", "Abyssinian_1 of class 3, unlike another line"),
        (pets, "annotations/test.txt", "Abyssinian 1 1 1", "test.txt has 'Abyssinian 1 1 1'"),
        (flowers, "imagelabels.mat", mat(labels=[0, 1, 2, 2]), "imagelabels.mat has 'no whole .* in labels: 0'"),
        (flowers, "imagelabels.mat", mat(labels=[1.5, 1, 2, 2]), "imagelabels.mat has 'no whole .* labels: 1.5'"),
        (flowers, "imagelabels.mat", mat(labels=["x", "y"]), "imagelabels.mat has .no row of whole numbers in labels"),
        (flowers, "imagelabels.mat", mat(labels={"a": 1}), "imagelabels.mat has .no row of whole numbers in labels"),
        (flowers, SETS, mat(tstid=[0, 4]), "setid.mat has 'no whole number from 1 in tstid: 0'"),
        (flowers, SETS, mat(tstid=[4, np.nan]), "setid.mat has 'no whole number from 1 in tstid: nan'"),
        (flowers, SETS, mat(tstid=[4, np.inf]), "setid.mat has 'no whole number from 1 in tstid: inf'"),
        (flowers, SETS, mat(tstid=[4 + 1j, 1]), "setid.mat has 'no row of whole numbers in tstid"),
        (flowers, SETS, mat(tstid=[[4, 1], [1, 4]]), "setid.mat has 'no row of whole numbers in tstid"),
        (flowers, SETS, mat(tstid=[]), "setid.mat has 'no row of whole numbers in tstid: ..'"),
        (flowers, SETS, mat(tstid=np.array([[1], [1, 2]], object)), "setid.mat has 'no row of whole numbers in tstid"),
        (cars, ANNOTATIONS, rows_of_cars(("1.jpg", 1.6)), "withlabels.mat has 'no whole number from 1 in class: 1.6'"),
        (cars, ANNOTATIONS, rows_of_cars(("1.jpg", "1")), "withlabels.mat has .no row of whole numbers in class"),
        (cars, ANNOTATIONS, rows_of_cars(("1.jpg", [1, 2]), ("2.jpg", 1)), "no row of whole numbers in class"),
        (cars, ANNOTATIONS, rows_of_cars((["1.jpg", "3.jpg"], 1)), "withlabels.mat has .no text in fname"),
        (cars, META, mat(class_names=np.array(["Audi", ""], object)), "cars_meta.mat has .no text in class_names"),
        (aircraft, "variants.txt", "707-320\nA340-200\n707-320\n", "variants.txt has '707-320 twice'"),
        (aircraft, "images_variant_test.txt", "1 707-320\n1 Cessna 172", "the classes 0 and 2"),
        (memes, "dev.jsonl", meme(label=True), "dev.jsonl has .the label True of"),
        (memes, "dev.jsonl", meme(label=0.0), "dev.jsonl has .the label 0.0 of"),
        (memes, "dev.jsonl", meme(img=" "), "dev.jsonl has .the img ' ', no file of the archive"),
        (memes, "dev.jsonl", meme(img="/etc/hostname"), "the img '/etc/hostname', no file of the archive"),
        (memes, "dev.jsonl", meme(img="img/../../1.png"), "the img 'img/../../1.png', no file of the archive"),
        (mnist, IMAGES, idx(2)[:6], "6 bytes that begin with 000008030000'"),
        (mnist, IMAGES, idx(-2, -2, 196, body=784), "800 bytes that begin with 00000803fffffffefffffffe000000c4"),
        (mnist, IMAGES, idx(2, 0, 28), "16 bytes that begin with 0000080300000002000000000000001c"),
        (mnist, IMAGES, idx(2**30, 2**30, 16), "16 bytes that begin with 00000803"),
    ],
)
def test_what_cannot_be_is_told(layout, name, content, words, tmp_path):
    source = with_file(layout, tmp_path, name, content)
    with pytest.raises(UserError, match=words):
        len(source)


def test_what_is_packed_and_damaged_within_is_told(tmp_path):
    archive = mnist(tmp_path)
    whole = bytearray(gzip.compress(np.random.default_rng(0).bytes(2000) + bytes(2000)))
    whole[10:14] = b"\xff\xff\xff\xff"
    put(tmp_path, f"{IMAGES}.gz", bytes(whole))
    with pytest.raises(UserError, match="t10k-images-idx3-ubyte.gz is cut short or damaged"):
        len(archive.source)


def test_a_line_separator_within_a_row_is_no_end_of_it(tmp_path):
    archive = memes(tmp_path)
    put(tmp_path, "dev.jsonl", '{"img": "img/01.png", "label": 1, "text": "one\u2028two"}\n')
    assert archive.source.labels().tolist() == [1]


def test_signs_that_are_passed_over_are_counted(tmp_path):
    archive, folder = signs_to_learn(tmp_path), "GTSRB/Training"
    for name in ("00001/1.PPM", "00001/2.png", "43/1.ppm"):
        draw(tmp_path, f"{folder}/{name}", 4)
    (account,) = archive.source.account()
    assert (account.all, account.read) == (7, 2)
    assert account.passed_over["its name does not end in .ppm"].first == (
        f"{folder}/00001/1.PPM",
        f"{folder}/00001/2.png",
    )
    outside = (f"{folder}/Readme.txt", f"{folder}/43/1.ppm", f"{folder}/examples/00000.ppm")
    assert account.passed_over["it lies in no folder of a class"].first == outside


def test_signs_of_a_whole_archive_are_all_read(tmp_path):
    draw(tmp_path, "GTSRB/Training/00042/00000_00000.ppm", 1)
    put(tmp_path, "GTSRB/Training/00042/GT-00042.csv", "Filename;Width\n")
    put(tmp_path, "names.json", json.dumps([f"sign {number}" for number in range(43)]))
    source = Gtsrb(str(tmp_path), classes=str(tmp_path / "names.json"), split="train")
    (account,) = source.account()
    assert source.labels().tolist() == [42] and (account.all, account.read) == (1, 1)


def test_a_picture_without_a_file_of_labels_is_counted(tmp_path):
    archive = kitti(tmp_path)
    draw(tmp_path, "training/image_2/000009.png", 9)
    (account,) = archive.source.account()
    assert (account.all, account.read) == (5, 4)
    assert account.passed_over["it has no file of labels"].first == ("training/image_2/000009.png",)


def test_a_vehicle_beside_the_camera_is_very_near(tmp_path):
    archive = kitti(tmp_path)
    put(tmp_path, "training/label_2/000001.txt", vehicle(-0.4))
    assert archive.source.labels().tolist() == [0, 0, 2, 3]
