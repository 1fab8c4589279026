"""Tokens of a picture and of its own caption, matched one to one at the least cost (LightCLIP 3.3, eqs. 10 to 13).

The cost of two tokens is 1 - cosine. The engine computes all costs of a sample, the host finds the matching
(`scipy.optimize.linear_sum_assignment`, the Hungarian algorithm's successor by Jonker and Volgenant), and the engine
computes the loss of the matched pairs. Only the costs leave the engine, [B, l1, l2] without a gradient.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np
from scipy.optimize import linear_sum_assignment

from tandemclip.core.objectives.cross_entropy import mean

Divisor = Literal["matched", "image_tokens"]

LARGEST = 2.0  # of a cost: opposite directions
NO_TOKEN = 4.0  # stands where a text has no token; far enough from any cost for every rounding


def costs(ops, image, text, mask):  # [B, l1, D], [B, l2, D], unit rows; [B, l2] of 1 and 0 -> [B, l1, l2]
    """Eqs. 10 and 11, and NO_TOKEN in the columns whose mask is 0. No gradient."""
    image, text = ops.stop_gradient(image), ops.stop_gradient(text)
    batch, length = mask.shape
    there = ops.reshape(mask, (batch, 1, length))
    cost = 1.0 - ops.matmul(image, ops.transpose(text, (0, 2, 1)))
    return cost * there + (1.0 - there) * NO_TOKEN


def match(cost: np.ndarray) -> dict[str, np.ndarray]:  # [B, l1, l2], what `costs` gave
    """Eq. 12 for every sample: the pairs that cost least together. As many as the sample has of its scarcer tokens.

    "image", "text": int32 [B, K], the places of each pair, in order of the picture's; K is min(l1, l2). "matched":
    float32 [B, K], 1 for a pair, 0 for the zeros that fill up.
    """
    count = min(cost.shape[1:])
    image, text = (np.zeros((len(cost), count), np.int32) for _ in range(2))
    matched = np.zeros((len(cost), count), np.float32)
    with ThreadPoolExecutor() as pool:  # scipy works without the interpreter's lock
        for i, (rows, columns) in enumerate(pool.map(_pairs, cost)):
            image[i, : len(rows)], text[i, : len(rows)], matched[i, : len(rows)] = rows, columns, 1
    return {"image": image, "text": text, "matched": matched}


def _pairs(cost):  # [l1, l2] -> int [k], int [k]
    columns = np.flatnonzero(~(cost[0] > LARGEST + 1))
    # A token that is no number is matched before all others, for it costs less than any: the loss is then no number
    # either, and the trainer says so. A side with tokens to spare would otherwise pass it over.
    rows, places = linear_sum_assignment(np.nan_to_num(cost[:, columns], nan=-1.0))
    return rows, columns[places]


def matched_cost(cost: np.ndarray, pairs: dict[str, np.ndarray]) -> np.ndarray:  # [B, l1, l2] -> [B]
    """What the pairs of each sample cost together."""
    samples = np.arange(len(cost))[:, None]
    return (cost[samples, pairs["image"], pairs["text"]] * pairs["matched"]).sum(1)


def token_alignment(ops, image, text, pairs, divisor: Divisor = "matched"):  # [B, l1, D], [B, l2, D] -> [B]
    """Eq. 13 of each sample: the mean cost of its pairs, 0 for a sample without any. pairs: what `match` gave.

    divisor: "matched" is the number of pairs. "image_tokens" is l1, as the equation prints it; the two differ where a
    text has fewer tokens than the picture, and a sum over its l2 pairs would then weigh a sample by its length.
    """
    cosines = ops.sum(ops.pick(image, pairs["image"]) * ops.pick(text, pairs["text"]), 2)
    matched = pairs["matched"]
    cost = ops.sum((1.0 - cosines) * matched, 1)
    if divisor == "image_tokens":
        return cost / image.shape[1]
    return mean(ops, cost, ops.sum(matched, 1))
