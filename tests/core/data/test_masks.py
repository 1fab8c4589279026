"""Masks, against COCO's own program and against counts by hand."""

import json

import numpy as np
import pytest

from tandemclip.core.data.masks import from_counts, from_segmentation, to_counts


@pytest.fixture
def coco():
    """COCO's own program."""
    return pytest.importorskip("pycocotools.mask", reason="pycocotools judges masks: pip install '.[detection]'")


def filled(coco, polygons, height, width):
    return coco.decode(coco.merge(coco.frPyObjects(polygons, height, width))).astype(bool)


def test_counts_go_down_the_columns_and_begin_outside():
    mask = np.array([[0, 1, 1], [0, 1, 0]], bool)
    assert to_counts(mask) == [2, 3, 1]
    assert to_counts(~mask) == [0, 2, 3, 1]
    assert to_counts(np.zeros((2, 3), bool)) == [6] and to_counts(np.ones((2, 3), bool)) == [0, 6]
    np.testing.assert_array_equal(from_counts([2, 3, 1], 2, 3), mask)


@pytest.mark.parametrize("height, width", [(1, 1), (1, 7), (7, 1), (40, 23)])
def test_run_lengths_are_those_of_coco(coco, height, width):
    rng = np.random.default_rng(height)
    for density in (0.02, 0.5, 0.9):
        mask = rng.random((height, width)) < density
        counts = to_counts(mask)
        packed = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
        assert coco.frPyObjects({"size": [height, width], "counts": counts}, height, width) == packed
        for given in (counts, packed["counts"].decode()):
            found = from_segmentation({"size": [height, width], "counts": given}, height, width)
            assert found.dtype == bool and found.shape == (height, width)
            np.testing.assert_array_equal(found, mask)


def test_long_runs_are_packed_as_coco_packs_them(coco):
    for mask in (np.zeros((1000, 900), bool), np.arange(900_000).reshape(900, 1000).T < 123_456):
        packed = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
        np.testing.assert_array_equal(from_segmentation({"size": [1000, 900], "counts": packed}, 1000, 900), mask)


@pytest.mark.parametrize("rounded", [False, True])
def test_polygons_are_filled_as_coco_fills_them(coco, rounded):
    """Corners outside the picture, corners that coincide, edges that cross, several polygons that overlap."""
    rng = np.random.default_rng(rounded)
    for case in range(400):
        height, width = (int(side) for side in rng.integers(1, 60, 2))
        polygons = []
        for _ in range(rng.integers(1, 4)):
            corners = rng.uniform(-10, 70, (rng.integers(3, 9), 2))
            corners = corners.round() if rounded else corners
            corners[1] = corners[0] if case % 5 == 0 else corners[1]
            polygons.append(corners.ravel().tolist())
        np.testing.assert_array_equal(
            from_segmentation(polygons, height, width), filled(coco, polygons, height, width), str(polygons)
        )


def test_a_rectangle_on_whole_pixels_has_these_pixels():
    mask = np.zeros((8, 9), bool)
    mask[1:5, 2:8] = True
    np.testing.assert_array_equal(from_segmentation([[2, 1, 8, 1, 8, 5, 2, 5]], 8, 9), mask)


def test_real_polygons(coco, shared):
    content = json.loads((shared / "data" / "coco_sample" / "instances_val.json").read_text())
    sizes = {image["id"]: (image["height"], image["width"]) for image in content["images"]}
    for thing in content["annotations"][::3]:
        size = sizes[thing["image_id"]]
        np.testing.assert_array_equal(
            from_segmentation(thing["segmentation"], *size), filled(coco, thing["segmentation"], *size)
        )


@pytest.mark.parametrize(
    "segmentation, words",
    [
        ({"size": [4, 5], "counts": [3, 4]}, "add up to 7, and the picture has 20 pixels"),
        ({"size": [5, 4], "counts": [20]}, r"size is \[5, 4\], and the picture's is \[4, 5\]"),
        ({"size": [4, 5], "counts": [25, -5]}, "whole numbers from 0 on"),
        ({"size": [4, 5], "counts": [10.0, 10.0]}, "whole numbers from 0 on"),
        ({"size": [4, 5], "counts": []}, "whole numbers from 0 on"),
        ({"size": [4, 5], "counts": None}, "whole numbers from 0 on"),
        ({"size": [4, 5], "counts": "ü"}, "'ü', which is no character of COCO's"),
        ({"size": [4, 5], "counts": "d0T"}, "end within a number"),
        ({"counts": [20]}, "neither polygons nor run lengths"),
        ("polygon", "neither polygons nor run lengths"),
        ([[1, 2, 3, 4]], "three corners or more"),
        ([[1, 2, 3, 4, 5, 6, 7]], "three corners or more"),
        ([[1, 2, 3, 4, 5, float("nan")]], "no place of a picture"),
        ([[1, 2, 3, 4, 5, 1e9]], "no place of a picture"),
    ],
)
def test_what_is_no_mask_of_the_picture_is_refused_in_words(segmentation, words):
    with pytest.raises(ValueError, match=words):
        from_segmentation(segmentation, 4, 5)
