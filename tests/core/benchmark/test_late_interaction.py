"""What is timed as FILIP's loss is one loss, in two ways."""

import numpy as np
import pytest

from tandemclip import backends
from tandemclip.core.benchmark.late_interaction import NODES, NOTHING, Found, Pairs, section
from tandemclip.core.spec import initial_weights
from tandemclip.core.training.update import AdamW


@pytest.mark.parametrize("backend", ["torch", "mindspore"])
def test_both_ways_are_one_loss(backend):
    pairs = Pairs(3, patches=4, words=5)
    engine = backends.load(backend)(pairs, initial_weights(pairs, 0), AdamW())
    found = [engine.apply(way, NOTHING) for way in ("in_chunks", "whole")]
    np.testing.assert_allclose(*found, rtol=1e-6)
    found = [engine.node_gradients(way, (NOTHING,), NODES) for way in ("in_chunks", "whole")]
    for node in NODES:
        (features, gradient), (same, whole) = (each[node] for each in found)
        np.testing.assert_array_equal(features, same)
        assert features.shape[0] == 3 and np.abs(whole).max() > 1e-3
        np.testing.assert_allclose(gradient, whole, rtol=1e-4, atol=1e-7)


def test_the_rows():
    found = {
        "torch": Found([1.2, 1.3, 9.0], [1.0, 1.0, 3.0], 3 * 2**20),
        "mindspore": Found([4.0], [2.0], None),
    }
    assert section(found).rows == (
        ("torch", "1.30 s", "1.00 s", "1.30 [1.20, 3.00]", "3 MiB"),
        ("mindspore", "4.00 s", "2.00 s", "2.00 [2.00, 2.00]", "-"),
    )
