"""Official archives with one class a picture: every layout is read as its authors describe it, and what is missing,
cut short or not as described is told.
"""

import pickle
import tarfile

import numpy as np
import pytest
from scipy.io import savemat

from tandemclip.core.config.registry import known
from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.sources.archives.cifar import Cifar
from tandemclip.core.data.sources.archives.flowers102 import Flowers102
from tandemclip.core.data.sources.archives.kitti_distance import KittiDistance
from tandemclip.core.data.sources.archives.listed_folders import ListedFolders
from tandemclip.core.data.sources.source import Source
from tandemclip.core.errors import UserError
from tandemclip.tests.core.data.sources.archives.layouts import (
    ALL,
    cars,
    cifar10,
    cifar100,
    dtd,
    fer2013,
    flowers,
    food101,
    memes,
    mnist,
    pets,
    put,
    stl10,
    with_file,
)

FILES = [layout for layout in ALL if layout.__name__ not in ("cifar10", "cifar100", "stl10", "mnist", "fer2013")]
LISTS = {
    "dtd": "labels/test1.txt", "food101": "meta/classes.txt", "sun397": "Testing_01.txt",
    "pets": "annotations/test.txt", "aircraft": "images_variant_test.txt", "cars": "devkit/cars_meta.mat",
    "flowers": "setid.mat", "signs": "GT-final_test.csv", "memes": "dev.jsonl", "cifar10": "data_batch_3.bin",
    "cifar100": "test.bin", "stl10": "test_y.bin", "mnist": "t10k-images-idx3-ubyte.gz",
    "fer2013": "icml_face_data.csv",
}  # fmt: skip


@pytest.fixture(params=ALL, ids=lambda layout: layout.__name__)
def archive(request, tmp_path):
    return request.param(tmp_path)


def test_pairs_names_and_account_are_the_archive_s(archive):
    source = pickle.loads(pickle.dumps(archive.source))
    records = [source[number] for number in range(len(source))]
    assert [(int(record.pixels[0, 0, 0]), record.label) for record in records] == archive.pairs
    assert all(len(np.unique(record.pixels)) == 1 and record.pixels.shape[2] == 3 for record in records)
    assert source.labels().tolist() == [label for _, label in archive.pairs]
    assert source.class_names == source.listed_classes == archive.names
    assert source.prompts["class"] == [[f"a photo of a {name}."] for name in archive.names]
    for record in records:
        assert record.captions == (f"a photo of a {archive.names[record.label]}.",) and record.prompted
    (account,) = source.account()
    assert account.read == len(archive.pairs) and not account.remarks
    assert len({record.key for record in records}) == len(records)
    with pytest.raises(IndexError):
        source[len(source)]


@pytest.mark.parametrize("layout", FILES)
def test_a_picture_that_is_not_there_is_remarked_and_one_that_is_broken_is_named(layout, tmp_path):
    archive = layout(tmp_path)
    (tmp_path / archive.file).write_bytes(b"no picture")
    with pytest.raises(BrokenRecord, match=archive.file.rpartition("/")[2]):
        _ = archive.source[0].pixels
    assert not archive.source.account()[0].remarks
    (tmp_path / archive.file).unlink()
    if layout.__name__ == "signs_to_learn":  # the folders are the list
        assert len(layout(tmp_path / "other").source) - 1 == len(pickle.loads(pickle.dumps(archive.source)))
        return
    (account,) = archive.source.account()
    assert account.remarks["the file is not there"].first == (archive.file,)
    assert account.read == len(archive.source) == len(archive.pairs)
    with pytest.raises(BrokenRecord, match="the file cannot be read"):
        archive.source[0]


@pytest.mark.parametrize("layout", FILES)
def test_a_tar_file_of_the_archive_is_the_archive(layout, tmp_path):
    archive = layout(tmp_path / "folder") if (tmp_path / "folder").mkdir() is None else None
    with tarfile.open(tmp_path / "all.tar", "w") as file:
        file.add(tmp_path / "folder", ".")
    packed = type(archive.source)(
        **{**vars(pickle.loads(pickle.dumps(archive.source))), "path": str(tmp_path / "all.tar")}
    )
    assert [(packed[n].image, packed[n].label) for n in range(len(packed))] == [
        (archive.source[n].image, archive.source[n].label) for n in range(len(packed))
    ]
    assert packed.account()[0].read == len(archive.pairs) and not packed.account()[0].remarks


@pytest.mark.parametrize("layout", [layout for layout in ALL if layout.__name__ in LISTS])
def test_a_list_that_is_missing_or_of_something_else_is_told(layout, tmp_path):
    archive, name = layout(tmp_path), LISTS[layout.__name__]
    (tmp_path / name).write_bytes(b"something else")
    end = f":{type(archive.source).__name__}"
    called = next(key for key, (place, _) in known(Source).items() if place.endswith(end))
    with pytest.raises(UserError, match=f"^{called}: .*{name.rpartition('/')[2].partition('.')[0]}"):
        _ = archive.source.class_names, archive.source.labels()
    (tmp_path / name).unlink()
    with pytest.raises(UserError, match="fetch-help"):
        _ = layout_again(archive).class_names, layout_again(archive).labels()


def layout_again(archive):
    """The same source, which has read nothing yet."""
    return pickle.loads(pickle.dumps(archive.source))


def test_what_a_list_leaves_without_a_class_is_counted(tmp_path):
    (account,) = memes(tmp_path).source.account()
    assert (account.all, account.read, account.unit) == (3, 2, "rows")
    assert account.passed_over["it has no label"].first == ("img/03.png",)


def test_cifar_and_stl_have_the_axes_right(tmp_path):
    """CIFAR by rows, STL-10 by columns, both colour by colour."""
    archive = cifar10(tmp_path)
    colours = np.arange(3072).astype(np.uint8).reshape(3, 32, 32)
    put(tmp_path, "data_batch_1.bin", bytes([0]) + colours.tobytes())
    assert np.array_equal(archive.source[0].pixels, colours.transpose(1, 2, 0))
    (tmp_path / "stl").mkdir()
    archive = stl10(tmp_path / "stl")
    colours = np.random.default_rng(0).integers(0, 256, (3, 96, 96), np.uint8)  # [colour, column, row]
    put(tmp_path / "stl", "test_X.bin", colours.tobytes() * 2)
    assert np.array_equal(archive.source[1].pixels, colours.transpose(2, 1, 0))


def test_cut_short_is_told(tmp_path):
    archive = mnist(tmp_path)
    whole = (tmp_path / "t10k-images-idx3-ubyte.gz").read_bytes()
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(whole[:-9])
    with pytest.raises(UserError, match="t10k-images-idx3-ubyte.gz is cut short or damaged"):
        len(archive.source)


@pytest.mark.parametrize(
    "layout, name, content, words",
    [
        (memes, "dev.jsonl", '{"img": "img/01.png", "label": 2}', "the label 2 of 'img/01.png'"),
        (mnist, "t10k-labels-idx1-ubyte", bytes([0, 0, 8, 1, 0, 0, 0, 1, 2]), "1 classes for 2 pictures"),
        (stl10, "test_y.bin", bytes([1, 0]), "2 classes from 0 for 2 pictures"),
        (pets, "annotations/trainval.txt", "american_bulldog_7 3 2 1\n", "the classes .0, 2."),
        (dtd, "labels/test1.txt", "banded_2.jpg\n", "'banded_2.jpg', which is not as the official list has it"),
        (food101, "meta/test.txt", "pizza/12\n", "pizza, no class of meta/classes.txt"),
        (food101, "meta/classes.txt", "bibimbap\nice_cream\n./bibimbap\n", "classes.txt has 'bibimbap, 2 times'"),
        (memes, "dev.jsonl", '{"img": "a", "label": 1}\n{"img": "a", "label": 0}', "a has 'the classes 1 and 0,"),
        (cifar100, "fine_label_names.txt", "apple\n", "a picture of class 1, from 0, and the names of 1 classes"),
        (stl10, "test_y.bin", bytes([1, 3]), "a picture of class 2, from 0, and the names of 2 classes"),
        (cifar10, "fine_label_names.txt", "apple\n", "batches.meta.txt of CIFAR-10 and fine_label_names.txt of CIFAR-"),
    ],
)
def test_what_does_not_fit_together_is_told(layout, name, content, words, tmp_path):
    source = with_file(layout, tmp_path, name, content)
    with pytest.raises(UserError, match=words):
        len(source)


def test_a_class_that_has_no_name_is_told(tmp_path):
    archive = cars(tmp_path)
    savemat(tmp_path / "devkit" / "cars_meta.mat", {"class_names": np.array(["AM General Hummer SUV 2000"], object)})
    with pytest.raises(UserError, match="cars_test_annos_withlabels.mat has 'a class that is none of 1'"):
        len(archive.source)


def test_folders_in_folders_are_names_of_several_words(tmp_path):
    put(tmp_path, "list.txt", "train/cat/1.jpg\nx/dog/2.jpg\nox/3.jpg\n")
    source = ListedFolders(str(tmp_path), lists=("list.txt",))
    assert source.class_names == ("ox", "train cat", "dog") and source.labels().tolist() == [1, 2, 0]
    with pytest.raises(UserError, match="`lists` names no list"):
        ListedFolders(str(tmp_path))


def test_a_picture_that_is_listed_several_times_is_remarked(tmp_path):
    dtd(tmp_path)
    put(tmp_path, "list.txt", "banded/banded_1.jpg\n./banded//banded_1.jpg\nbanded/banded_2.jpg\n")
    source = ListedFolders(str(tmp_path), lists=("list.txt",), pictures_in="images")
    (account,) = source.account()
    assert source.class_names == ("banded",) and account.read == account.all == 3
    assert {reason: named.first for reason, named in account.remarks.items()} == {
        "it is listed several times, and read as often": ("images/banded/banded_1.jpg",)
    }


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_name_ends_where_its_line_does(end, tmp_path):
    put(tmp_path, "batches.meta.txt", end.join(["air\x85plane", "auto\u2028mobile", "", ""]))
    put(tmp_path, "test_batch.bin", bytes([1]) + bytes(3072))
    assert Cifar(str(tmp_path)).class_names == ("air plane", "auto mobile")


def test_another_split_of_fer_is_other_rows(tmp_path):
    fer2013(tmp_path)
    source = type(fer2013(tmp_path).source)(str(tmp_path), split="validation")
    assert [(int(source[0].pixels[0, 0, 0]), source[0].label)] == [(4, 1)] and len(source) == 1


def test_names_are_asked_for_and_have_to_be_of_all_classes(tmp_path):
    archive = flowers(tmp_path)
    with pytest.raises(UserError, match="has 3 classes, and the archive does not say .*classes="):
        _ = Flowers102(str(tmp_path)).class_names
    put(tmp_path, "names.json", '["pink primrose"]')
    with pytest.raises(UserError, match="has 3 classes, and .*names.json names 1"):
        _ = archive.source.class_names


def test_given_names_take_the_place_of_the_archive_s(tmp_path):
    pets(tmp_path)
    put(tmp_path, "names.json", '["Abyssinian cat", "bulldog"]')
    source = type(pets(tmp_path).source)(str(tmp_path), classes=str(tmp_path / "names.json"))
    assert source.class_names == ("Abyssinian cat", "bulldog")
    put(tmp_path, "names.json", '["Abyssinian cat", "bulldog", "pug"]')
    with pytest.raises(UserError, match="has 2 classes, and .* names 3"):
        _ = layout_again(pets(tmp_path)._replace(source=source)).class_names


@pytest.mark.parametrize("layout", [dtd, cifar10])
def test_identity_is_of_names_classes_and_content(layout, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    hashes = lambda archive: {part: each.sha256 for part, each in layout_again(archive).identity().items()}
    one, other = layout(tmp_path / "a"), layout(tmp_path / "b")
    assert hashes(one) == hashes(other)
    name = "labels/test1.txt" if layout is dtd else "data_batch_2.bin"
    content = (tmp_path / "b" / name).read_bytes()
    put(
        tmp_path / "b",
        name,
        b"dotted/dotted_1.jpg\nbanded/banded_2.jpg\n" if layout is dtd else bytes([1]) + content[1:],
    )
    assert hashes(one)["labels"] != hashes(other)["labels"]
    part = "names" if layout is dtd else "pictures"
    assert hashes(one)[part] != hashes(other)[part]


@pytest.mark.parametrize(
    "layout, name, names",
    [
        (cifar10, "batches.meta.txt", "airplane\ncar\n"), (cifar100, "fine_label_names.txt", "pear\naquarium_fish\n"),
        (stl10, "class_names.txt", "airplane\nowl\n"), (flowers, "names.json", '["a", "b", "c"]'),
    ],
)  # fmt: skip
def test_other_names_of_the_classes_are_other_data(layout, name, names, tmp_path):
    archive = layout(tmp_path)
    before = archive.source.identity()
    put(tmp_path, name, names)
    after = layout_again(archive).identity()
    assert [part for part in before if before[part].sha256 != after[part].sha256] == ["class_names"]


def test_a_distance_is_of_the_nearest_vehicle_alone(tmp_path):
    line = "{} 0.00 0 -1.57 1 2 3 4 1.5 1.6 3.7 0.5 1.6 {} 1.59\n"
    for number, distance in enumerate((8.0, 8.01, 20.0, 20.01, 900)):
        put(tmp_path, f"training/label_2/{number}.txt", line.format("Car", distance) + line.format("DontCare", -1000))
    put(tmp_path, "training/label_2/9.txt", "")
    assert KittiDistance(str(tmp_path)).labels().tolist() == [0, 1, 1, 2, 2, 3]
