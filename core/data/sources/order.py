"""Which record stands at which place of the run: a pure function of (seed, epoch, position), the same for any number of
workers and ranks, so that a run goes on at any step without having stored anything but the step."""

from functools import lru_cache

import numpy as np

from tandemclip.core.random import generator

WHOLE = 1 << 20  # up to here one permutation of everything: 8 MB
SHARD = 1 << 10  # neighbouring records, read from neighbouring places of the disk
WINDOW = 64  # shards that are mixed with each other: 65,536 records


def index(position: int, count: int, seed: int, stream: str = "order") -> int:
    """The record (0 <= index < count) at this place; every epoch of `count` places has each record once.

    Another `stream` is another order of the same records: the loader takes from it what replaces a broken one.
    Large sets: shards of SHARD records are permuted, WINDOW of them at a time are mixed, so that a step reads from a
    limited part of the disk while no two epochs mix the same shards.
    """
    epoch, place = divmod(position, count)
    if count <= WHOLE:
        return int(_permutation(count, seed, stream, epoch)[place])
    _, starts = _shards(count, seed, stream, epoch)
    number = int(np.searchsorted(starts, place, side="right")) - 1
    return int(_window(count, seed, stream, epoch, number)[place - starts[number]])


@lru_cache(maxsize=4)
def _permutation(count, seed, stream, epoch):
    return generator(seed, stream, epoch).permutation(count)


@lru_cache(maxsize=4)
def _shards(count, seed, stream, epoch):
    """(the shards in this epoch's order, the place at which each window starts)"""
    order = generator(seed, stream, epoch, "shards").permutation(-(-count // SHARD))
    sizes = np.minimum(SHARD, count - order * SHARD)  # the last shard may be short
    ends = np.cumsum(sizes)
    return order, np.concatenate([[0], ends[WINDOW - 1 : -1 : WINDOW]])


@lru_cache(maxsize=4)
def _window(count, seed, stream, epoch, number):
    order, _ = _shards(count, seed, stream, epoch)
    shards = order[number * WINDOW : (number + 1) * WINDOW]
    records = (shards[:, None] * SHARD + np.arange(SHARD)).ravel()
    return generator(seed, stream, epoch, "window", number).permutation(records[records < count])
