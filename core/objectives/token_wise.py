"""Token-wise late interaction (FILIP, Yao et al. 2022, section 3.1), in chunks and with its own gradient.

The product of all tokens of all pictures with all tokens of all texts, [N T, N L], is far larger than anything else of
a step. It is computed in chunks of pictures, twice: for its maxima, of which the places are kept, and for the gradient,
which goes to these places alone.
"""

from typing import NamedTuple

import numpy as np

from tandemclip.core.objectives.carried import carried
from tandemclip.core.objectives.targets import BOTH, FAR, ONE
from tandemclip.core.ops import Array

CELLS = 1 << 23  # of a chunk's product: 32 MB in float32


class Tokens(NamedTuple):
    """image: [n, T, D], text: [m, L, D], unit rows. mask: [m, L], 1 for words and 0 for padding."""

    image: Array
    text: Array
    mask: Array


def token_wise(ops, tokens, scale, *, columns=None, rows=None, cells=CELLS):
    """Symmetric InfoNCE, whose rows are pictures against s_I and texts against s_T, the mean of both: a scalar.

        s_I[i, j] = mean over tokens k of picture i of max over tokens l of text j of x_ik.y_jl
        s_T[i, j] = mean over tokens l of text j of max over tokens k of picture i of x_ik.y_jl

    tokens: Tokens of everybody, n = m = N. Padding is in no mean and no maximum. scale: a scalar.
    columns: Tokens that maxima are taken over in place of all, e.g. selected ones; means are over all tokens still.
    rows: (start, stop), or None for all: the part of these rows of either direction, as in `infonce`.
    cells: how many numbers of the product are computed at a time; a picture's at least.
    """
    count, (start, stop) = tokens.image.shape[0], rows or (0, tokens.image.shape[0])
    if rows is None and columns is None:
        blocks = [(tokens, BOTH)]  # one product serves both directions
    else:
        keys = columns or tokens
        texts = Tokens(keys.image, tokens.text[start:stop], tokens.mask[start:stop])
        blocks = [(Tokens(tokens.image[start:stop], keys.text, keys.mask), BOTH[:1]), (texts, BOTH[1:])]
    total, by_scale, inputs, gradients = 0.0, 0.0, [], []
    for pair, directions in blocks:
        fixed = Tokens(*(ops.stop_gradient(x) for x in pair))
        found, places = _similarities(ops, fixed, directions, cells)
        slopes = {}
        for direction, s in found.items():
            value, slope = _cross_entropy(ops, s, ops.stop_gradient(scale), start, direction)
            total, by_scale = total + value, by_scale + ops.sum(slope * s, (0, 1))
            slopes[direction] = slope * ops.stop_gradient(scale)
        inputs += pair[:2]
        gradients += _gradients(ops, fixed, places, slopes, cells)
    return carried(ops, total, [*inputs, scale], [*gradients, by_scale]) / (2 * count)


def late_interaction(ops, tokens, direction, *, cells=CELLS):
    """s_I ("i2t") or s_T ("t2i") of all pictures with all texts: Tokens -> [n, m]. No gradient."""
    return _similarities(ops, Tokens(*(ops.stop_gradient(x) for x in tokens)), (direction,), cells)[0][direction]


def _cross_entropy(ops, s, scale, first, direction):
    """The sum over rows, whose positives are the columns from `first` on, and its gradient by scale x s.

    s: of pictures and texts, [n, N] whose rows are pictures, or [N, m] whose columns are the rows ("t2i").
    """
    axis = BOTH.index(direction)
    pictures, texts = (np.arange(size, dtype=np.int32) for size in s.shape)
    pictures, texts = (pictures + first, texts) if axis == 0 else (pictures, texts + first)
    right = ops.cast(ops.equal(ops.constant(pictures[:, None]), ops.constant(texts[None])), "float")
    log = ops.log_softmax(s * scale, 1 - axis)
    return -ops.sum(log * right, (0, 1)), ops.exp(log) - right


# ------------------------------------------------------------------ one block: n pictures, m texts, no gradient
def _similarities(ops, tokens, directions, cells):
    """{direction: [n, m]}, and of each chunk {direction: places of the maxima}: int [c, T, m] and [c, m, L]."""
    (_, size, _), (m, length, _) = tokens.image.shape, tokens.text.shape
    keys = ops.transpose(_flat(ops, _masked(ops, tokens)), (1, 0))
    words, found, places = _word_weights(ops, tokens.mask), {name: [] for name in directions}, []
    for start, stop in _chunks(tokens, cells):
        picture = ops.concat((tokens.image[start:stop], tokens.image[start:stop, :, :1] * 0.0 + 1.0), 2)
        product = ops.reshape(ops.matmul(_flat(ops, picture), keys), (stop - start, size, m, length))
        at = {}
        if "i2t" in found:
            at["i2t"] = ops.argmax(product, 3)
            found["i2t"].append(ops.mean(ops.max(product, 3), 1))
        if "t2i" in found:
            at["t2i"] = ops.argmax(product, 1)
            found["t2i"].append(ops.sum(ops.max(product, 1) * words, 2))
        places.append(at)
    return {name: _joined(ops, parts) for name, parts in found.items()}, places


def _gradients(ops, tokens, places, slopes, cells):
    """By image [n, T, D] and by text [m, L, D], of a loss whose gradient by each direction is in `slopes` [n, m]."""
    (_, size, width), (m, length, _) = tokens.image.shape, tokens.text.shape
    text, words, by_image, by_text = _flat(ops, tokens.text), _word_weights(ops, tokens.mask), [], 0.0
    numbers = lambda count: np.arange(count, dtype=np.int32)
    at_word, at_patch = ops.constant(numbers(length)), ops.constant(numbers(size).reshape(1, size, 1, 1))
    zero = ops.constant(np.zeros((), np.float32))
    for (start, stop), at in zip(_chunks(tokens, cells), places):
        rows, by_product = stop - start, 0.0
        if "i2t" in slopes:
            share = ops.reshape(slopes["i2t"][start:stop], (rows, 1, m, 1)) / size
            chosen = ops.equal(ops.reshape(at["i2t"], (rows, size, m, 1)), at_word)
            by_product = by_product + ops.where(chosen, share, zero)
        if "t2i" in slopes:
            share = ops.reshape(slopes["t2i"][start:stop], (rows, m, 1)) * words
            chosen = ops.equal(ops.reshape(at["t2i"], (rows, 1, m, length)), at_patch)
            by_product = by_product + ops.where(chosen, ops.reshape(share, (rows, 1, m, length)), zero)
        by_product = ops.reshape(by_product, (rows * size, m * length))
        by_image.append(ops.reshape(ops.matmul(by_product, text), (rows, size, width)))
        picture = _flat(ops, tokens.image[start:stop])
        by_text = by_text + ops.matmul(ops.transpose(by_product, (1, 0)), picture)
    return [_joined(ops, by_image), ops.reshape(by_text, (m, length, width))]


def _chunks(tokens, cells):
    """[(start, stop)] of the pictures of each chunk."""
    (n, size, _), (m, length, _) = tokens.image.shape, tokens.text.shape
    step = max(1, cells // (size * m * length))
    return [(start, min(start + step, n)) for start in range(0, n, step)]


def _masked(ops, tokens):
    """[m, L, D + 1]: one more number, which a picture's 1 meets, puts padding below every maximum."""
    return ops.concat((tokens.text, ops.reshape((tokens.mask - 1.0) * FAR, (*tokens.mask.shape, 1))), 2)


def _word_weights(ops, mask):  # [m, L] -> the same, each text's adding up to 1
    return mask / ops.maximum(ops.sum(mask, 1, True), ops.constant(ONE))


def _flat(ops, x):  # [n, K, D] -> [n K, D]
    return ops.reshape(x, (x.shape[0] * x.shape[1], x.shape[2]))


def _joined(ops, parts):
    return ops.concat(parts, 0) if len(parts) > 1 else parts[0]
