"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009), in the binary version: the Python version holds pickles, which would be
run.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tandemclip.core.data.sources.archives.packed import Packed
from tandemclip.core.errors import UserError

PIXELS = 3 * 32 * 32
NAMES, FINE_NAMES = "batches.meta.txt", "fine_label_names.txt"  # of the 10 classes, of the 100


@dataclass(frozen=True)
class Cifar(Packed):
    """`cifar-10-batches-bin`: `data_batch_1.bin` to 5, `test_batch.bin`, each picture a byte of its class and 3 x 32 x
    32 of red, green and blue; `batches.meta.txt` has the names. `cifar-100-binary`: `train.bin`, `test.bin` with a byte
    of the superclass before, which is not used, and `fine_label_names.txt`. Which of them it is, the files tell.

    split: train or test.
    """

    split: Literal["train", "test"] = "test"

    @property
    def _hundred(self) -> bool:
        fine = self.files.size(FINE_NAMES) >= 0
        if fine and self.files.size(NAMES) >= 0:
            raise UserError(
                f"{self._type}: {self.path} has {NAMES} of CIFAR-10 and {FINE_NAMES} of CIFAR-100; give each archive a "
                "folder of its own"
            )
        return fine

    @property
    def held_in(self):
        if self._hundred:
            return [f"{self.split}.bin"]
        return ["test_batch.bin"] if self.split == "test" else [f"data_batch_{number}.bin" for number in range(1, 6)]

    def unpacked(self):
        names = tuple(self.lines(FINE_NAMES if self._hundred else NAMES))
        labels = 2 if self._hundred else 1  # bytes of them before the pixels; the last is the class
        rows = np.concatenate([self.whole(name, labels + PIXELS) for name in self.held_in])
        pixels = rows[:, labels:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return pixels, rows[:, labels - 1], names
