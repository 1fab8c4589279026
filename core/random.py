"""All randomness of the project: numpy generators keyed by what they are for, so that engines and ranks draw equal
bits.
"""

import hashlib

import numpy as np


def generator(*keys):
    """A generator that is a pure function of its keys (integers or strings), e.g. (seed, epoch, position, "crop").

    Strings are hashed with SHA-256 rather than `hash`, which differs from one process to the next.
    """
    words = [
        int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little") if isinstance(key, str) else int(key)
        for key in keys
    ]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))
