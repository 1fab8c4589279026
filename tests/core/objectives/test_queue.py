"""The queue against Python's own, and its nearest entries against loops."""

from collections import deque

import numpy as np
import pytest
import torch

from tandemclip.backends.reference.ops import Reference
from tandemclip.backends.torch.ops import TorchOps
from tandemclip.core.objectives.queue import nearest, pushed
from tandemclip.core.random import generator


def rows(*key, count, width=4):
    x = generator(*key).standard_normal((count, width))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.mark.parametrize("chunk", [1, 3, 7, 100])
def test_the_nearest_entry_of_each_row(chunk):
    v, seen = rows("v", count=7), rows("seen", count=11)
    found = nearest(Reference(), v, seen, chunk=chunk)
    for one, near in zip(v, found):
        similar = [sum(a * b for a, b in zip(one, entry)) for entry in seen.tolist()]
        assert np.array_equal(near, seen[int(np.argmax(similar))])


def test_no_gradient_goes_to_what_was_nearest():
    v, seen = (torch.tensor(rows(name, count=5), requires_grad=True) for name in ("v", "seen"))
    assert not nearest(TorchOps(torch.float64), v, seen).requires_grad
    assert not pushed(TorchOps(torch.float64), seen.detach(), v).requires_grad


@pytest.mark.parametrize("size", [1, 3, 4, 10, 12, 13])  # of which some are no multiple of 4, and some less
def test_first_in_first_out_at_any_size(size):
    entries = rows("queue", count=size)
    plain = deque(entries.tolist(), maxlen=size)
    for step in range(8):
        new = rows("new", step, count=4)
        entries = pushed(Reference(), entries, new)
        plain.extend(new.tolist())
        assert np.array_equal(entries, list(plain))
