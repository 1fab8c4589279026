"""An interval's picture: everything lies on the line, in the order of the numbers, and can be told apart."""

import pytest

from tandemclip.core.evaluation.suites.report.intervals import MARGIN, WIDTH, drawn, scale
from tandemclip.core.evaluation.suites.report.summary import Figure


def figure(percent, low, high, chance=None):
    return Figure(percent, low, high, chance, 100)


@pytest.mark.parametrize(
    "figures, end",
    [
        ([figure(0.3, 0.1, 0.9, 0.1)], 5),
        ([figure(2, 1, 5)], 5),
        ([figure(2, 1, 5.01)], 10),
        ([figure(2, 1, 3, 50)], 50),
        ([figure(2, 1, 3), figure(60, 50, 70)], 100),
        ([figure(100, 99, 100)], 100),
        ([figure(None, None, None, 50), figure(2, 1, 3)], 5),
        ([figure(None, None, None)], 5),
    ],
)
def test_the_line_holds_all_of_a_row(figures, end):
    assert scale(figures) == end


def places(picture):
    """{colour: (from, to) in percent of the line}"""
    at = lambda given: (float(given) - MARGIN) / WIDTH
    lines = [each.attrib for each in picture if each.tag == "line"]
    return {line["stroke"]: (at(line["x1"]), at(line["x2"])) for line in lines}


@pytest.mark.parametrize("end", [10, 100])
def test_what_is_drawn_lies_where_its_number_is(end):
    picture = drawn(figure(0.4 * end, 0.2 * end, 0.7 * end, 0.1 * end), end)
    line, interval, chance, percent = places(picture).values()
    assert line == (0, 1) and interval == pytest.approx((0.2, 0.7), abs=1e-3)
    assert chance == pytest.approx((0.1, 0.1), abs=1e-3) and percent == pytest.approx((0.4, 0.4), abs=1e-3)
    assert [each.text for each in picture if each.tag == "text"] == [f"{end}"]
    assert len(places(drawn(figure(1, 0, 2), end))) == 3  # nobody says what guessing gets


def test_ends_are_not_cut_off():
    for percent in (0, 100):
        picture = drawn(figure(percent, 0, 100, percent), 100)
        for each in picture:
            if each.tag == "line":
                half = float(each.attrib["stroke-width"]) / 2
                assert 0 <= float(each.attrib["x1"]) - half and float(each.attrib["x2"]) + half < float(
                    picture.get("width")
                )
