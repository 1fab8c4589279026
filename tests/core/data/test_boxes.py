"""What a box is."""

import pytest

from tandemclip.core.data.boxes import four_numbers, outside, upright_box


@pytest.mark.parametrize("edges", [(0, 0, 1, 1), (0.5, 0.5, 0.5, 0.5), (-1, 0, 2, 1), (0.2, 0.3, 0.2, 0.9)])
def test_a_box_may_have_no_area_and_reach_out(edges):
    assert upright_box(edges) == edges


@pytest.mark.parametrize("given, words", [
    (None, "null"), ("0123", "a text"), ({"x": 0}, "a mapping"), ([1, 2, 3], "expected four numbers"),
    ([1, 2, 3, 4, 5], "expected four numbers"), ([0, 0, "1", 1], "expected four"), ([0, 0, True, 1], "expected four"),
    ([0, 0, float("nan"), 1], "finite"), ([0, 0, 1, float("-inf")], "finite"), ([0, 0, None, 1], "expected four"),
])  # fmt: skip
def test_what_is_no_list_of_four_finite_numbers_is_refused(given, words):
    with pytest.raises(ValueError, match=words):
        four_numbers(given)


@pytest.mark.parametrize("edges", [(0.2, 0, 0.1, 1), (0, 0.2, 1, 0.1), (1, 1, 0, 0)])
def test_upside_down_is_refused(edges):
    with pytest.raises(ValueError, match="upside down"):
        upright_box(edges)


def test_outside_has_no_point_in_common_with_the_picture():
    for inside in ((0, 0, 1, 1), (-1, -1, 0.01, 0.01), (0.99, 0.99, 5, 5), (-5, 0.5, 5, 0.5)):
        assert not outside(inside)
    for beyond in ((1, 0, 2, 1), (0, 1, 1, 2), (-1, 0, 0, 1), (0, -1, 1, 0), (10, 20, 100, 200)):
        assert outside(beyond)
