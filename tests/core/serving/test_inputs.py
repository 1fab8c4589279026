"""What people hand to a model is taken rightly or refused in one sentence."""

import io

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from tandemclip.core.data import images
from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.errors import UserError
from tandemclip.core.serving.inputs import features_of, ids_of, records_of, texts_of

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
GREY = RGB[..., 0]
GREYS = np.stack([GREY] * 3, 2)


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("given, expected", [
    (RGB, RGB), (np.dstack([RGB, GREY]), RGB), (GREY, GREYS), (GREY[..., None], GREYS),
    (np.asfortranarray(RGB)[::-1], RGB[::-1]), (GREY.view(np.matrix), GREYS), (RGB[:1, :1], RGB[:1, :1]),
    (encoded(Image.fromarray(RGB), "PNG"), RGB), (bytearray(encoded(Image.fromarray(RGB), "BMP")), RGB),
    (memoryview(encoded(Image.fromarray(RGB), "PNG")), RGB),
])  # fmt: skip
def test_pictures_are_what_they_show(given, expected):
    (record,) = records_of([given])
    np.testing.assert_array_equal(record.pixels, expected)
    assert record.pixels.dtype == np.uint8


def test_an_array_of_pictures_is_a_list_of_them(tmp_path):
    assert len(records_of(np.stack([RGB, RGB]))) == 2 and len(records_of(RGB for _ in range(3))) == 3
    cv2.imwrite(str(tmp_path / "a.png"), RGB[..., ::-1])
    for path in (tmp_path / "a.png", str(tmp_path / "a.png")):
        np.testing.assert_array_equal(records_of((path,))[0].pixels, RGB)
        for kind in (object, str):  # a column of a table
            np.testing.assert_array_equal(records_of(np.array([str(path)], kind))[0].pixels, RGB)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1"])
def test_a_pil_image_is_as_its_file(mode):
    image = Image.fromarray(RGB).convert(mode)
    data = encoded(image, "PNG")
    expected = images.decode(data)
    for given in (image, Image.open(io.BytesIO(data))):
        np.testing.assert_array_equal(records_of([given])[0].pixels, expected)


def test_a_pil_image_stands_upright_as_its_file():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(RGB), "PNG", exif=exif)
    (found,) = records_of([Image.open(io.BytesIO(data))])
    np.testing.assert_array_equal(found.pixels, images.decode(data))
    assert found.pixels.shape == (7, 5, 3)


@pytest.mark.parametrize("given, words", [
    (RGB / 255, r"images.0. is an array .5, 7, 3. of float64; expected uint8 from 0 to 255: give it times 255, roun"),
    (RGB.astype(np.float32), "of float32; expected uint8"), (RGB.astype(np.uint16), "of uint16; .*scaled to 0..255"),
    (RGB > 99, "of bool; .*times 255"), (RGB.astype(np.int64), "of int64"), (RGB.astype(object), "of object"),
    (RGB.transpose(2, 0, 1), r"an array .3, 5, 7. of uint8; expected .H, W, 3.; these look like planes: .transpose"),
    (RGB[None], r"an array .1, 5, 7, 3. of uint8; expected .H, W, 3.$"), (RGB[..., :2], r".5, 7, 2."),
    (RGB[:0], r".0, 7, 3. of uint8"), (RGB[0, 0], r"an array .3. of uint8"),
    (Image.fromarray(GREY.astype(np.uint16) * 257), "a PIL image of mode I;16, which has more than 8 bits"),
    (Image.fromarray(GREY.astype(np.float32)), "a PIL image of mode F"),
    (Image.fromarray(GREY.astype(np.int32)), "mode I,"),
    (np.ma.masked_array(RGB, RGB > 99), "is a masked array .5, 7, 3. of uint8; expected a path"),
    (Image.new("RGB", (0, 5)), r"a PIL image of mode RGB and size .0, 5.; expected one with pixels"),
    (None, "is null, None; expected a path, encoded bytes, a PIL image"), (7, "is a number, 7"), ([RGB], "is a list"),
    ("nowhere.png", "nowhere.png cannot be read: No such file"), ("a\0b", "cannot be read: embedded null"),
])  # fmt: skip
def test_what_would_be_another_picture_is_refused(given, words):
    with pytest.raises(UserError, match=words):
        records_of([given])


@pytest.mark.parametrize("given, words", [
    (RGB, r"got one image, an array .5, 7, 3. of uint8; expected a list of them: write .image."),
    (Image.fromarray(RGB), "got one image, a PIL image of mode RGB"), ("a.png", "got one image, 'a.png'"),
    (b"\xff\xd8", "got one image"), ({"a.png": 1}, "got a mapping, .* expected a list of images"),
    ({"a.png"}, "got a set"), (None, "got null, None; expected a list of images"), ([], "an empty list of images"),
    (RGB[None][:0], "an empty list"),
])  # fmt: skip
def test_one_picture_is_no_list(given, words):
    with pytest.raises(UserError, match=words):
        records_of(given)


def test_a_pil_image_that_cannot_be_decoded_is_named():
    data = encoded(Image.fromarray(np.random.default_rng(0).integers(0, 256, (99, 99, 3), np.uint8)), "JPEG")
    with pytest.raises(BrokenRecord, match=r"images.1.: the PIL image cannot be decoded"):
        records_of([RGB, Image.open(io.BytesIO(data[:2000]))])


@pytest.mark.parametrize("given, words", [
    ("a red wall", "got one text, 'a red wall'; expected a list of them"), (b"a", "got one text"),
    ({"a red wall": 1}, "got a mapping"), (None, "got null"), (7, "got a number, 7"), ([], "an empty list of texts"),
    ([None], r"texts.0. is null, None; expected a text"), (["a", 7], r"texts.1. is a number, 7"),
    ([["a", "b"]], r"texts.0. is a list"), ([b"a"], r"texts.0. is bytes"), (np.array("a"), "an array without an axis"),
    ([float("nan")], "is a number, nan"),
])  # fmt: skip
def test_what_is_no_list_of_texts_is_refused(given, words):
    with pytest.raises(UserError, match=words):
        texts_of(given)


def test_lists_of_texts():
    assert texts_of(("a", "b")) == texts_of(np.array(["a", "b"])) == texts_of(iter(["a", "b"])) == ["a", "b"]
    assert texts_of(["a \ud83d wall", ""]) == ["a ? wall", ""]


def test_features_are_rows():
    rows = np.ones((2, 3), np.float32)
    assert features_of(rows, "images") is rows and features_of([[1, 2]], "texts").shape == (1, 2)
    assert features_of(np.ones((2, 5, 3)), "texts").shape == (2, 5, 3)  # of each token
    assert features_of(np.ones((2, 3), int), "texts").dtype == np.float32


@pytest.mark.parametrize("given, words", [
    (["a.png"], "images are a list, .'a.png'.; expected what encode_images gives"), ("a.png", "images are a text"),
    (None, "images are null, None; expected what"), (np.ones(3), r"images have the shape .3.; .*x.None."),
    ([[1, 2], [3]], "images are a list"), (np.ones((2, 3), complex), r"images are an array .2, 3. of complex128"),
    ([["1", "2"]], "images are a list"), (np.array([["1", "2"]]), r"images are an array .1, 2. of <U1"),
    (np.ma.masked_array(np.ones((2, 3)), True), r"images are a masked array .2, 3. of float64"),
    (np.ones((2, 3), bool), "of bool"), (torch.ones(2, 3, requires_grad=True), "images are a Tensor"),
])  # fmt: skip
def test_what_are_no_features_is_refused(given, words):
    with pytest.raises(UserError, match=words):
        features_of(given, "images")


def test_ids_of_any_width_are_int32():
    for given in ([[0, 9]], np.array([[0, 9]]), np.array([[0, 9]], np.uint8)):
        ids = ids_of(given, 2, 10)
        assert ids.dtype == np.int32 and ids.tolist() == [[0, 9]]


@pytest.mark.parametrize("given, words", [
    (np.zeros((1, 3), int), r"ids are an array .1, 3. of int64; expected what reading.ids gives, an array .N, 2."),
    (np.zeros((1, 1), int), r"an array .1, 1. of"), (np.zeros(2, int), r"an array .2. of"),
    (np.zeros((0, 2), int), r"an array .0, 2. of"), (np.zeros((1, 2)), "of float64"), (["a"], "ids are a list"),
    (np.ma.masked_array([[1, 2]], True), "ids are a masked array"), (None, "ids are null"),
    (np.array([[0, 10]]), "ids are from 0 to 10; expected what reading.ids gives, 0 to 9"), ([[-1, 0]], "from -1 to 0"),
])  # fmt: skip
def test_what_are_no_ids_is_refused(given, words):
    with pytest.raises(UserError, match=words):
        ids_of(given, 2, 10)


def test_what_came_is_told_on_one_line():
    for check in (texts_of, records_of):
        with pytest.raises(UserError) as told:
            check([np.zeros((4, 4, 4)).tolist(), 1] if check is texts_of else [[[0] * 9] * 9])
        assert "\n" not in str(told.value)
    with pytest.raises(UserError) as told:
        texts_of([np.zeros((9, 9))])
    assert "\n" not in str(told.value)
