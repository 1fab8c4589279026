"""Token-wise late interaction (FILIP, Yao et al. 2022, section 3.1), in chunks and with its own gradient.

The product of all tokens of all pictures with all tokens of all texts, [N T, N L], is far larger than anything else of
a step. It is computed in chunks of pictures, twice: once for its maxima, and once for the gradient, which goes to the
places of the maxima alone. What the first chunks gave is kept, as far as KEPT goes, and not computed again.
"""

import math
from typing import NamedTuple

import numpy as np

from tandemclip.core.objectives.carried import carried
from tandemclip.core.objectives.targets import BOTH, FAR, ONE
from tandemclip.core.objectives.token_alignment import NO_TOKEN
from tandemclip.core.ops import Array

AXIS = {"i2t": 3, "t2i": 1}  # of a product [c, T, m, L], over which the maximum is
CELLS = 1 << 22  # of a chunk's product: 16 MB in float32
KEPT = 48 << 20  # of all products that are kept: 192 MB


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
        slopes, kept = {}, {}
        for direction, s in _similarities(ops, fixed, directions, cells, kept).items():
            value, slope, slope_of_scale = _cross_entropy(ops, s, ops.stop_gradient(scale), start, direction)
            total, by_scale = total + value, by_scale + slope_of_scale
            slopes[direction] = slope * ops.stop_gradient(scale)
        inputs += pair[:2]
        gradients += _gradients(ops, fixed, slopes, cells, kept)
    return carried(ops, total, [*inputs, scale], [*gradients, by_scale]) / (2 * count)


def late_interaction(ops, tokens, direction, *, cells=CELLS):
    """s_I ("i2t") or s_T ("t2i") of all pictures with all texts: Tokens -> [n, m]. No gradient."""
    return _similarities(ops, Tokens(*(ops.stop_gradient(x) for x in tokens)), (direction,), cells)[direction]


def own_interaction(ops, tokens, direction):
    """s_I ("i2t") or s_T ("t2i") of each picture with its own text: Tokens, n = m -> [n]. With a gradient."""
    product = ops.matmul(tokens.image, ops.transpose(tokens.text, (0, 2, 1)))  # [n, T, L]
    if direction == "t2i":
        return ops.sum(ops.max(product, 1) * _word_weights(ops, tokens.mask), 1)
    padding = ops.reshape((1.0 - tokens.mask) * FAR, (tokens.mask.shape[0], 1, tokens.mask.shape[1]))
    return ops.mean(ops.max(product - padding, 2), 1)


def nearest(cost: np.ndarray, direction: str) -> dict[str, np.ndarray]:
    """Where these maxima lie, on the host: [n, T, L], what `token_alignment.costs` gave -> the pairs, named as `match`
    names its own. Of each token of the picture its word ("i2t"), or of each word its token ("t2i").
    """
    n, size, length = cost.shape
    there = (cost != NO_TOKEN).any(1)  # [n, L]
    image, text = (np.broadcast_to(np.arange(count, dtype=np.int32), (n, count)) for count in (size, length))
    if direction == "i2t":
        best, matched = cost.argmin(2).astype(np.int32), np.broadcast_to(there.any(1, keepdims=True), (n, size))
        return {"image": image, "text": best, "matched": matched.astype(np.float32)}
    return {"image": cost.argmin(1).astype(np.int32), "text": text, "matched": there.astype(np.float32)}


def _cross_entropy(ops, s, scale, first, direction):
    """The sum over rows, whose positives are the columns from `first` on, and its gradients by scale x s and by scale.

    s: of pictures and texts, [n, N] whose rows are pictures, or [N, m] whose columns are the rows ("t2i"). The gradient
    by scale sums slope x s. A row's slopes add up to zero but for rounding, so that each row's s may be counted from
    its positive's: what rounding leaves is then not multiplied by all of s.
    """
    axis = BOTH.index(direction)
    pictures, texts = (np.arange(size, dtype=np.int32) for size in s.shape)
    pictures, texts = (pictures + first, texts) if axis == 0 else (pictures, texts + first)
    right = ops.cast(ops.equal(ops.constant(pictures[:, None]), ops.constant(texts[None])), "float")
    log = ops.log_softmax(s * scale, 1 - axis)
    slope, positive = ops.exp(log) - right, ops.sum(s * right, 1 - axis, True)
    return -ops.sum(log * right, (0, 1)), slope, ops.sum(slope * (s - positive), (0, 1))


# ------------------------------------------------------------------ one block: n pictures, m texts, no gradient
# Nothing but sums goes from chunk to chunk, behind the first ones, whose products are kept. What later ones kept would
# lie between the large arrays of two chunks, and an allocator (glibc's before 2.38) would not use the room of these
# again: 10 GB at a batch of 512, seen with the places of the maxima.
def _similarities(ops, tokens, directions, cells, kept=None):
    """{direction: [n, m]}. kept: gets the products of the first chunks by their start."""
    words, found = _word_weights(ops, tokens.mask), dict.fromkeys(directions, 0.0)
    for start, stop in _chunks(tokens, cells):
        product = _product(ops, tokens, start, stop)
        if kept is not None and stop * math.prod(product.shape[1:]) <= KEPT:
            kept[start] = product
        for direction in directions:
            best = ops.max(product, AXIS[direction])
            part = ops.mean(best, 1) if direction == "i2t" else ops.sum(best * words, 2)
            found[direction] = found[direction] + _in_place(ops, part, start, tokens.image.shape[0])
    return found


def _gradients(ops, tokens, slopes, cells, kept):
    """By image [n, T, D] and by text [m, L, D], of a loss whose gradient by each direction is in `slopes` [n, m].

    kept: products by the start of their chunk.
    """
    (n, size, width), (m, length, _) = tokens.image.shape, tokens.text.shape
    text, by_image, by_text = _flat(ops, tokens.text), 0.0, 0.0
    weights = {"i2t": 1 / size, "t2i": ops.reshape(_word_weights(ops, tokens.mask), (1, 1, m, length))}
    for start, stop in _chunks(tokens, cells):
        rows, by_products = stop - start, []
        product = kept.pop(start) if start in kept else _product(ops, tokens, start, stop)
        for direction, slope in slopes.items():
            share = ops.reshape(slope[start:stop], (rows, 1, m, 1)) * weights[direction]
            largest = ops.equal(product, ops.max(product, AXIS[direction], True))
            largest = ops.cast(largest, "float")  # where several are, they share
            by_products.append(largest * (share / ops.sum(largest, AXIS[direction], True)))
        by_product = sum(by_products[1:], by_products[0])
        by_product = ops.reshape(by_product, (rows * size, m * length))
        part = ops.reshape(ops.matmul(by_product, text), (rows, size, width))
        by_image = by_image + _in_place(ops, part, start, n)
        picture = _flat(ops, tokens.image[start:stop])
        by_text = by_text + ops.matmul(ops.transpose(by_product, (1, 0)), picture)
    return [by_image, ops.reshape(by_text, (m, length, width))]


def _product(ops, tokens, start, stop):
    """Of some pictures' tokens with all words: [c, T, m, L]. One more number of each, which a picture's 1 meets, puts
    padding below every maximum.
    """
    (_, size, _), (m, length, _) = tokens.image.shape, tokens.text.shape
    words = ops.concat((tokens.text, ops.reshape((tokens.mask - 1.0) * FAR, (m, length, 1))), 2)
    picture = ops.concat((tokens.image[start:stop], tokens.image[start:stop, :, :1] * 0.0 + 1.0), 2)
    product = ops.matmul(_flat(ops, picture), ops.transpose(_flat(ops, words), (1, 0)))
    return ops.reshape(product, (stop - start, size, m, length))


def _in_place(ops, part, start, count):
    """[c, ...] -> [count, ...]: its rows from `start` on, zeros elsewhere."""
    zero = ops.constant(np.zeros((1,) * len(part.shape), np.float32))
    others = {0: start, 2: count - start - part.shape[0]}  # before it, and behind
    around = {place: ops.broadcast_to(zero, (rows, *part.shape[1:])) for place, rows in others.items() if rows}
    return ops.concat([x for _, x in sorted((around | {1: part}).items())], 0) if around else part


def _chunks(tokens, cells):
    """[(start, stop)] of the pictures of each chunk."""
    (n, size, _), (m, length, _) = tokens.image.shape, tokens.text.shape
    step = max(1, cells // (size * m * length))
    return [(start, min(start + step, n)) for start in range(0, n, step)]


def _word_weights(ops, mask):  # [m, L] -> the same, each text's adding up to 1
    return mask / ops.maximum(ops.sum(mask, 1, True), ops.constant(ONE))


def _flat(ops, x):  # [n, K, D] -> [n K, D]
    return ops.reshape(x, (x.shape[0] * x.shape[1], x.shape[2]))
