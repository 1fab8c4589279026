"""Cross-entropy of labels, of none, and of mixed pictures, against a loop over samples and classes."""

import numpy as np
import pytest

from tandemclip.backends.reference.ops import Reference
from tandemclip.core.objectives.cross_entropy import cross_entropy, mean

LABELS = np.array([2, -1, 0, 3, -1])
MIXED = np.array([1, 0, -1, 3, -1]), np.array([0.3, 0.8, 0.25, 0.5, 0.9])
LOGITS = np.random.default_rng(0).normal(size=(5, 4)) * 3


def plain(smoothing, mixed):
    total = count = 0.0
    for i, row in enumerate(LOGITS):
        log_softmax = row - np.log(sum(np.exp(row)))
        parts = [(LABELS[i], 1.0)] if mixed is None else [(LABELS[i], mixed[1][i]), (mixed[0][i], 1 - mixed[1][i])]
        for label, share in parts:
            if label < 0:
                continue
            count += share
            for k in range(4):
                total -= share * ((1 - smoothing) * (k == label) + smoothing / 4) * log_softmax[k]
    return total, count


@pytest.mark.parametrize("mixed", [None, MIXED], ids=["one", "mixed"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_sum_and_the_count_are_those_of_a_loop(smoothing, mixed):
    found = cross_entropy(Reference(), LOGITS, LABELS, smoothing=smoothing, mixed=mixed)
    np.testing.assert_allclose(found, plain(smoothing, mixed), rtol=1e-12)


@pytest.mark.parametrize("count, wanted", [(3.0, 2.0), (1.0, 6.0), (0.0, 6.0)])
def test_the_mean_of_nothing_is_no_division_by_zero(count, wanted):
    assert mean(Reference(), np.array(6.0), np.array(count)) == wanted
