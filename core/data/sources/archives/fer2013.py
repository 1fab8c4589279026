"""FER-2013 (Goodfellow et al. 2013): a table with the pixels of each picture."""

import csv
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tandemclip.core.data.sources.archives.packed import Packed
from tandemclip.core.errors import UserError

USAGE = {"train": "Training", "validation": "PublicTest", "test": "PrivateTest"}
TABLES = ("fer2013.csv", "icml_face_data.csv")
COLUMNS = ("emotion", "pixels", "Usage")
NAMES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


@dataclass(frozen=True)
class Fer2013(Packed):
    """`fer2013.csv`, or `icml_face_data.csv`, which is the same: columns emotion (0 to 6), pixels (48 x 48 numbers) and
    Usage. The emotions' names are those of the challenge's description.

    split: train, or the public (validation) or the private part (test) of the challenge's test.
    """

    split: Literal["train", "validation", "test"] = "test"

    @property
    def held_in(self):
        there = [name for name in TABLES if self.files.size(name) >= 0]
        if len(there) > 1:
            raise UserError(f"{self._type}: {self.path} has {' and '.join(there)}, expected one; move the other away")
        return [there[0] if there else TABLES[0]]

    def unpacked(self):
        name = self.held_in[0]
        rows = csv.DictReader(self.lines(name), skipinitialspace=True)
        pixels, labels = [], []
        try:
            columns = rows.fieldnames or []
            if any(columns.count(column) != 1 for column in COLUMNS):
                raise ValueError(",".join(columns))
            for row in rows:
                if row["Usage"] not in USAGE.values() or any(row.get(None, ())):
                    raise ValueError(f"{len(row)} cells and the Usage {row['Usage']!r}")
                if row["Usage"] == USAGE[self.split]:
                    pixels.append(_pixels(row["pixels"]))
                    labels.append(int(row["emotion"]))
        except csv.Error as error:
            raise self.unlike(name, str(error)) from error
        except (AttributeError, OverflowError, ValueError) as error:
            raise self.unlike(name, f"row {rows.line_num}: {error}") from error
        if not labels or not set(labels) <= set(range(len(NAMES))):
            raise self.unlike(name, f"the emotions {sorted(set(labels))} of {USAGE[self.split]}")
        return np.stack(pixels), np.array(labels), NAMES


def _pixels(text: str) -> np.ndarray:
    """[48, 48] uint8. ValueError where there are others: uint8 alone would take 300 for 44."""
    pixels = np.array(text.split(), np.int64).reshape(48, 48)
    if pixels.min() < 0 or pixels.max() > 255:
        raise ValueError(f"pixels from {pixels.min()} to {pixels.max()}")
    return pixels.astype(np.uint8)
