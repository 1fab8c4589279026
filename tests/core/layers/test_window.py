"""Windows: what sees what, and by which row of the table, against plain loops over tokens."""

import numpy as np
import pytest

from tandemclip.backends.reference.ops import Reference
from tandemclip.core.layers.window import WindowAttention, cut, put_together, regions_apart, relative_index, roll
from tandemclip.core.random import generator
from tandemclip.core.spec import Normal, Run, Scope, initial_weights

OPS = Reference()


def test_the_bias_goes_by_query_minus_key():
    index = relative_index(3)
    for query in range(9):
        for key in range(9):
            (row, column), (other_row, other_column) = divmod(query, 3), divmod(key, 3)
            assert index[query, key] == (row - other_row + 2) * 5 + column - other_column + 2


@pytest.mark.parametrize("side, window", [(4, 4), (4, 2), (6, 3), (8, 4), (3, 1)])
def test_windows_are_cut_row_by_row_and_put_together_again(side, window):
    x = generator("window").standard_normal((2, side, side, 3))
    windows = cut(OPS, x, window)
    across = side // window
    for batch in range(2):
        for i in range(across):
            for j in range(across):
                found = windows[(batch * across + i) * across + j].reshape(window, window, 3)
                here = slice(i * window, (i + 1) * window), slice(j * window, (j + 1) * window)
                assert np.array_equal(found, x[batch][here])
    assert np.array_equal(put_together(OPS, windows, side), x)
    assert np.array_equal(roll(OPS, roll(OPS, x, 1), side - 1), x) and np.array_equal(
        roll(OPS, x, 1)[:, 0, 0], x[:, 1 % side, 1 % side]
    )


def plain(weights, x, heads, window, shift):  # [S, S, C] -> [S, S, C]
    """Every token by itself: it sees tokens of its window that lie within half a picture of it, wherever rolling put
    them.
    """
    side, _, width = x.shape
    qkv = x @ weights["qkv.weight"].T + weights["qkv.bias"]
    out, depth = np.zeros_like(x), width // heads
    rolled = lambda i: (i - shift) % side
    for i, j in np.ndindex(side, side):
        seen = [
            (k, m) for k, m in np.ndindex(side, side)
            if rolled(i) // window == rolled(k) // window and rolled(j) // window == rolled(m) // window
            and abs(i - k) < window and abs(j - m) < window
        ]  # fmt: skip
        for head in range(heads):
            part = lambda token, which, head=head: qkv[token][which * width + head * depth :][:depth]
            rows = [(i - k + window - 1) * (2 * window - 1) + j - m + window - 1 for k, m in seen]
            logits = np.array([part((i, j), 0) @ part(token, 1) / depth**0.5 for token in seen])
            logits += weights["relative_bias"][rows, head]
            share = np.exp(logits - logits.max())
            out[i, j, head * depth :][:depth] = (share / share.sum()) @ np.array([part(token, 2) for token in seen])
    return out @ weights["output.weight"].T + weights["output.bias"]


@pytest.mark.parametrize("side, window, shift", [(4, 4, 0), (4, 2, 0), (4, 2, 1), (6, 3, 1), (8, 4, 2), (9, 3, 1)])
def test_attention_within_windows(side, window, shift):
    spec = WindowAttention(8, 2, side, window, shift, Normal(0.5))
    weights = {name: array.astype(float) for name, array in initial_weights(spec, 3).items()}
    x = generator("window", 1).standard_normal((2, side, side, 8))
    found = spec(OPS, Scope(spec, Run(OPS, weights, True)), x)
    wanted = np.stack([plain(weights, sample, 2, window, shift) for sample in x])
    assert np.abs(found - wanted).max() < 1e-10


def test_regions():
    assert regions_apart(8, 4, 2).shape == (4, 1, 16, 16)
    assert not regions_apart(8, 4, 2)[0].any() and regions_apart(8, 4, 2)[3].any()


def test_a_map_that_does_not_split_is_refused():
    with pytest.raises(ValueError, match="7 x 7 tokens does not split into windows of 4"):
        WindowAttention(8, 2, 7, 4, 0, Normal(0.02))
