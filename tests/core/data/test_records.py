"""What a record checks of its picture."""

import cv2
import numpy as np
import pytest

from tandemclip.core.data.records import BrokenRecord, Record


def record(height, width, size):
    return Record("key", cv2.imencode(".png", np.zeros((height, width, 3), np.uint8))[1].tobytes(), size=size)


@pytest.mark.parametrize("size", [None, (100, 151), (200, 302), (50, 75.5), (99, 151), (100, 150), (33, 50)])
def test_a_picture_of_the_shape_of_its_annotation_up_to_a_pixel(size):
    assert record(100, 151, size).pixels.shape == (100, 151, 3)


@pytest.mark.parametrize("size", [(151, 100), (100, 154), (103, 151), (100, 302)])
def test_a_picture_of_another_shape_breaks_its_record(size):
    with pytest.raises(
        BrokenRecord, match="^key: its annotation is of a picture of another shape: .* is 100 x 151"
    ) as e:
        _ = record(100, 151, size).pixels
    assert e.value.reason == "its annotation is of a picture of another shape"


def test_a_nearly_square_picture_that_was_turned_is_noticed():
    with pytest.raises(BrokenRecord, match="another shape"):
        _ = record(100, 101, (101, 100)).pixels


def test_pixels_that_were_drawn_are_taken_as_they_are():
    pixels = np.zeros((4, 6, 3), np.uint8)
    assert Record("key", pixels, size=(6, 4)).pixels is pixels
