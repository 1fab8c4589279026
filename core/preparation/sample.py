"""A random subset."""

import numpy as np

from tandemclip.core.errors import UserError
from tandemclip.core.random import generator


def sample(records: int, count: int, seed: int) -> np.ndarray:
    """`count` different numbers below `records`, in rising order: a pure function of these three."""
    if count > records:
        raise UserError(f"--count is {count}, and the source has {records} records; ask for at most as many")
    return np.sort(generator(seed, "sample").choice(records, count, replace=False, shuffle=False))
