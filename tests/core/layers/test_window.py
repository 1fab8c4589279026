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


@pytest.mark.parametrize("height, width, window", [(4, 4, 4), (4, 4, 2), (6, 9, 3), (8, 4, 4), (3, 5, 1)])
def test_windows_are_cut_row_by_row_and_put_together_again(height, width, window):
    x = generator("window").standard_normal((2, height, width, 3))
    windows = cut(OPS, x, window)
    down, across = height // window, width // window
    for batch in range(2):
        for i in range(down):
            for j in range(across):
                found = windows[(batch * down + i) * across + j].reshape(window, window, 3)
                here = slice(i * window, (i + 1) * window), slice(j * window, (j + 1) * window)
                assert np.array_equal(found, x[batch][here])
    assert np.array_equal(put_together(OPS, windows, (height, width)), x)


@pytest.mark.parametrize("shifts", [(1, 2), (0, 2), (1, 0), (0, 0)])
def test_a_rolled_map_begins_where_it_is_said_and_is_rolled_back(shifts):
    x = generator("window").standard_normal((2, 3, 4, 2))
    rolled = roll(OPS, x, shifts)
    assert np.array_equal(rolled, np.roll(x, (-shifts[0], -shifts[1]), (1, 2)))
    assert np.array_equal(roll(OPS, rolled, ((3 - shifts[0]) % 3, (4 - shifts[1]) % 4)), x)


def plain(weights, x, heads, window, shift):  # [H, W, C] -> [H, W, C]
    """Every token by itself: it sees tokens of its window that lie within a window's side of it, wherever rolling put
    them. Behind the last row and column stand zeros that are seen like any other; an axis of one window is not rolled.
    """
    (*size, width), depth = x.shape, x.shape[2] // heads
    padded = np.zeros((*(side + -side % window for side in size), width))
    padded[: size[0], : size[1]] = x
    shifts = [shift if side > window else 0 for side in padded.shape[:2]]
    qkv = padded @ weights["qkv.weight"].T + weights["qkv.bias"]
    place = lambda token: tuple((t - s) % n // window for t, s, n in zip(token, shifts, padded.shape))
    out = np.zeros_like(x)
    for i, j in np.ndindex(*size):
        seen = [
            (k, m) for k, m in np.ndindex(padded.shape[:2])
            if place((i, j)) == place((k, m)) and abs(i - k) < window and abs(j - m) < window
        ]  # fmt: skip
        for head in range(heads):
            part = lambda token, which, head=head: qkv[token][which * width + head * depth :][:depth]
            rows = [(i - k + window - 1) * (2 * window - 1) + j - m + window - 1 for k, m in seen]
            logits = np.array([part((i, j), 0) @ part(token, 1) / depth**0.5 for token in seen])
            logits += weights["relative_bias"][rows, head]
            share = np.exp(logits - logits.max())
            out[i, j, head * depth :][:depth] = (share / share.sum()) @ np.array([part(token, 2) for token in seen])
    return out @ weights["output.weight"].T + weights["output.bias"]


def attended(weights, spec, x):
    return spec(OPS, Scope(spec, Run(OPS, weights, True)), x)


@pytest.mark.parametrize(
    "size, window, shift",
    [((4, 4), 4, 0), ((4, 4), 2, 0), ((4, 4), 2, 1), ((6, 6), 3, 1), ((8, 8), 4, 2), ((9, 9), 3, 1), ((4, 4), 4, 2)]
    + [((6, 4), 2, 1), ((3, 8), 4, 2), ((5, 7), 3, 1), ((2, 3), 4, 2), ((9, 4), 4, 0)],
)
def test_attention_within_windows(size, window, shift):
    spec = WindowAttention(8, 2, window, shift, Normal(0.5))
    weights = {name: array.astype(float) for name, array in initial_weights(spec, 3).items()}
    weights["qkv.bias"] = generator("window", 2).standard_normal(24)  # what padding gives as key and value
    x = generator("window", 1).standard_normal((2, *size, 8))
    wanted = np.stack([plain(weights, sample, 2, window, shift) for sample in x])
    assert np.abs(attended(weights, spec, x) - wanted).max() < 1e-10


def test_regions():
    apart = regions_apart((8, 8), 4, (2, 2))
    assert apart.shape == (4, 1, 16, 16) and not apart[0].any() and apart[3].any()
    assert not regions_apart((8, 4), 4, (0, 0)).any()
