"""The judge notes how close a run comes to a discrete choice."""

import numpy as np
import pytest

from tandemclip.backends.reference.ops import Reference

# [2, 4]; the gaps of the order are 3, 0.5, 1 in the first row and 2, 1, 4 in the second
ROWS = np.array([[0.5, 5.0, 2.0, 1.5], [8.0, 1.0, 5.0, 6.0]])
RMS = np.sqrt(np.mean(ROWS**2))


def margin(run, x=ROWS):
    ops = Reference()
    run(ops, x)
    return ops.margin


@pytest.mark.parametrize("function", ["max", "argmax"])
def test_the_two_largest_along_the_axis(function):
    assert margin(lambda ops, x: getattr(ops, function)(x, 1)) == pytest.approx(2.0 / RMS)
    assert margin(lambda ops, x: getattr(ops, function)(x, 0)) == pytest.approx(3.0 / RMS)


@pytest.mark.parametrize("k, gap", [(1, 2.0), (2, 0.5), (3, 0.5), (4, 0.5)])
def test_neighbours_down_to_the_first_that_is_left_out(k, gap):
    assert margin(lambda ops, x: ops.top_k(x, k)) == pytest.approx(gap / RMS)


def test_a_tie_is_no_margin_and_one_element_is_no_choice():
    assert margin(lambda ops, x: ops.top_k(x, 1), np.array([2.0, 2.0])) == 0.0
    assert margin(lambda ops, x: ops.top_k(x, 1), np.array([[2.0], [3.0]])) == np.inf


@pytest.mark.parametrize("function", [lambda ops, x: ops.argmax(x, 1), lambda ops, x: ops.top_k(x, 2)])
def test_integers_are_compared_exactly(function):
    assert margin(function, np.array([[3, 3, 1]])) == np.inf
