"""Answers keep what was asked, and nothing else."""

import numpy as np

from tandemclip.core.answers import of_classes


def test_of_classes():
    predicted = np.arange(28).reshape(4, 7)
    found = of_classes(predicted, np.array([2, -1, 0, 6]), ("a", "b", "c"))
    assert found.kind == "classes" and found.asked.tolist() == [0, 2, 3] and found.right.tolist() == [[2], [0], [6]]
    np.testing.assert_array_equal(found.first, predicted[[0, 2, 3], :5])
    assert (
        found.name(1) == "b"
        and found.name(6) == "class 6"
        and of_classes(predicted, np.zeros(4, int)).name(1) == "class 1"
    )
