"""STL-10 (Coates et al. 2011), in its binary form."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tandemclip.core.data.sources.archives.packed import Packed


@dataclass(frozen=True)
class Stl10(Packed):
    """`stl10_binary`: `train_X.bin`, `test_X.bin` (3 x 96 x 96 bytes a picture, by columns), `train_y.bin`,
    `test_y.bin` (a byte each, from 1) and `class_names.txt`.

    split: train or test.
    """

    split: Literal["train", "test"] = "test"

    @property
    def held_in(self):
        return [f"{self.split}_X.bin", f"{self.split}_y.bin"]

    def unpacked(self):
        pictures, classes = self.held_in
        pixels = self.whole(pictures, 3 * 96 * 96).reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1)
        labels = self.whole(classes, 1)[:, 0].astype(np.int32) - 1
        if len(labels) != len(pixels) or labels.min() < 0:
            raise self.unlike(classes, f"{len(labels):,} classes from {labels.min() + 1} for {len(pixels):,} pictures")
        return pixels, labels, tuple(self.lines("class_names.txt"))
