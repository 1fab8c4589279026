"""MNIST (LeCun et al. 1998), and what is packed like it: files of the IDX format."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tandemclip.core.data.sources.archives.packed import Packed

BEGIN = {"train": "train", "test": "t10k"}


@dataclass(frozen=True)
class Idx(Packed):
    """`train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`, or the
    same with .gz. Classes are called by their numbers, unless `classes` names them.

    split: train or test.
    """

    split: Literal["train", "test"] = "test"

    @property
    def held_in(self):
        begin = BEGIN[self.split]
        return [f"{begin}-images-idx3-ubyte", f"{begin}-labels-idx1-ubyte"]

    def unpacked(self):
        pixels, labels = (self._array(name, axes) for name, axes in zip(self.held_in, (3, 1)))
        if len(labels) != len(pixels):
            raise self.unlike(self.held_in[1], f"{len(labels):,} classes for {len(pixels):,} pictures")
        return pixels, labels, tuple(str(number) for number in range(int(labels.max(initial=0)) + 1))

    def _array(self, name: str, axes: int) -> np.ndarray:
        """Of unsigned bytes: two zeros, 8 (their type), the number of axes, the length of each as int32 of high byte
        first, then the bytes."""
        content, head = self.content(name), 4 + 4 * axes
        shape = [int.from_bytes(content[place : place + 4], "big", signed=True) for place in range(4, head, 4)]
        if content[:4] != bytes([0, 0, 8, axes]) or min(shape) < 1 or len(content) != head + math.prod(shape):
            raise self.unlike(name, f"{len(content):,} bytes that begin with {content[:head].hex()}")
        return np.frombuffer(content, np.uint8, offset=head).reshape(shape)
