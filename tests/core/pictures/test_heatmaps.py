"""How maps are laid over pictures, and that a page is whole or not there."""

import numpy as np
import pytest
from PIL import Image

from tandemclip.core.errors import UserError
from tandemclip.core.pictures.heatmaps import Row, heatmaps, shown, stretched
from tandemclip.core.pictures.page import page, save
from tandemclip.core.random import generator


@pytest.mark.parametrize("size, factor", [((1, 1), 5), ((2, 3), 7), ((6, 6), 9)])
def test_cells_keep_their_values_in_their_middles(size, factor):
    heat = generator("heat", *size).random(size)
    found = stretched(heat, tuple(factor * side for side in size))
    middles = found[factor // 2 :: factor, factor // 2 :: factor]
    np.testing.assert_allclose(middles, heat, rtol=1e-6)
    assert heat.min() - 1e-6 <= found.min() and found.max() <= heat.max() + 1e-6


def test_between_middles_it_runs_in_straight_lines():
    wanted = np.interp(np.arange(6) + 0.5, [1.5, 4.5], [0.0, 3.0])  # pixels by their middles, too
    np.testing.assert_allclose(stretched(np.array([[0.0, 3.0]]), (3, 6)), np.tile(wanted, (3, 1)), atol=1e-6)


def test_the_largest_is_shown_as_one_and_zeros_stay_zeros():
    np.testing.assert_allclose(shown(np.array([[0.0, 2.0], [1.0, 4.0]])), [[0, 0.5], [0.25, 1]])
    np.testing.assert_array_equal(shown(np.zeros((2, 2))), np.zeros((2, 2)))


def test_a_page_has_a_row_for_each_text(tmp_path):
    rng = generator("page")
    pixels = rng.integers(0, 256, (3, 16, 16, 3), np.uint8)
    rows = [Row("", pixels, None, ("1", "2", "3")), Row("red", pixels[:2], rng.random((2, 4, 4)), ("", ""))]
    figure = heatmaps(rows)
    images = [len(axes.get_images()) for axes in figure.axes]
    assert images == [1, 1, 1, 2, 2, 0]  # the second row has a map over each, and nothing in its last place
    assert [axes.get_title() for axes in figure.axes[:3]] == ["1", "2", "3"]
    assert [text.get_text() for axes in figure.axes for text in axes.texts] == ["", "red"]
    save(figure, tmp_path / "a.png")
    save(heatmaps(rows), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert Image.open(tmp_path / "a.png").format == "PNG"


def test_what_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="a.png cannot be written"):
        save(page(1, 1), tmp_path / "file" / "a.png")
