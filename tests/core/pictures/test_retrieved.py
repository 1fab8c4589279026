"""What is retrieved for a text, against sorting by hand."""

from dataclasses import replace

import numpy as np

from tandemclip.core.data.images import normalise
from tandemclip.core.data.scenes.scenes import Scenes
from tandemclip.core.evaluation.protocols.features import encode
from tandemclip.core.pictures.heatmaps import Row
from tandemclip.core.pictures.queried import blank, queried
from tandemclip.core.pictures.retrieved import nearest, seen
from tandemclip.tests.core.pictures.small import small_model

SCENES = Scenes(size=32, count=20, split="held_out")


def test_the_nearest_stand_first(root):
    model = small_model(root, "tiny_clip_vit")
    found = nearest(model, SCENES, encode(model, SCENES, {}), "a red seven", 5)
    values = model.encode_images([SCENES[i].image for i in range(20)]) @ model.encode_texts(["a red seven"])[0]
    assert found.numbers.tolist() == sorted(range(20), key=lambda number: -values[number])[:5]
    np.testing.assert_allclose(found.similarity, sorted(values)[::-1][:5], rtol=1e-5)


def test_pixels_are_those_that_the_model_sees(root):
    model = small_model(root, "tiny_clip_vit")
    pixels, images = seen(model, Scenes(size=48, count=3), np.array([2, 0]))
    view = model.method.inference_view()
    assert pixels.shape == (2, 32, 32, 3) and pixels.dtype == np.uint8
    np.testing.assert_array_equal(images[1], normalise(pixels[1], view.mean, view.std))
    np.testing.assert_array_equal(pixels[1], view.cut(Scenes(size=48, count=3)[0].image))


def test_rows_are_the_pictures_the_query_and_its_words_once(root):
    model = small_model(root, "tiny_clip_vit")
    encoded = encode(model, SCENES, {})
    rows = queried(model, SCENES, encoded, "a red seven and a blue two", 2, True, None)
    assert [row.name for row in rows] == ["", "a red seven and a blue two", "a", "red", "seven", "and", "blue", "two"]
    assert rows[0].maps is None and all(row.maps.shape == (2, 4, 4) for row in rows[1:])
    words = queried(model, SCENES, encoded, "red", 2, True, None)
    assert [row.name for row in words] == ["", "red", "red"]  # the query, and its only word


def test_maps_of_zeros_are_told():
    row = Row("a red seven", np.zeros((2, 8, 8, 3), np.uint8), np.zeros((2, 4, 4)), ("", ""))
    told = "maps of 'a red seven' are zero everywhere: nothing there speaks for it"
    assert blank([replace(row, maps=None), row]) == [f"2 {told}"]
    one = row.maps.copy()
    one[1, 3, 0] = 1e-9
    assert blank([replace(row, maps=one)]) == [f"1 {told}"] and not blank([replace(row, maps=one + 1)])
