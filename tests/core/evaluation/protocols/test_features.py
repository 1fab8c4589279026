"""Directions, and what has none."""

import numpy as np
import pytest

from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.protocols.features import unit_rows


def test_rows_are_scaled_to_length_one_in_float64():
    rows = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    found = unit_rows(rows, "rows")
    assert found.dtype == np.float64
    for one, row in zip(found, rows):
        np.testing.assert_allclose(one, row.astype(float) / sum(float(x) ** 2 for x in row) ** 0.5, rtol=1e-15)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_feature_without_a_direction_is_named(value):
    features = np.ones((3, 2))
    features[1] = value
    with pytest.raises(UserError, match="image features.*row 1"):
        unit_rows(features, "image features")
