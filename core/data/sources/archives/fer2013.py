"""FER-2013 (Goodfellow et al. 2013): a table with the pixels of each picture."""

import csv
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tandemclip.core.data.sources.archives.packed import Packed

USAGE = {"train": "Training", "validation": "PublicTest", "test": "PrivateTest"}
TABLES = ("fer2013.csv", "icml_face_data.csv")
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
        return [there[0] if there else TABLES[0]]

    def unpacked(self):
        name = self.held_in[0]
        rows = csv.DictReader(self.lines(name), skipinitialspace=True)
        if not {"emotion", "pixels", "Usage"} <= set(rows.fieldnames or ()):
            raise self.unlike(name, ",".join(rows.fieldnames or ()))
        chosen = [row for row in rows if row["Usage"] == USAGE[self.split]]
        try:
            pixels = [np.array(row["pixels"].split(), np.uint8).reshape(48, 48) for row in chosen]
            labels = [int(row["emotion"]) for row in chosen]
        except (AttributeError, OverflowError, TypeError, ValueError) as error:
            raise self.unlike(name, str(error)) from error
        if not chosen or not set(labels) <= set(range(len(NAMES))):
            raise self.unlike(name, f"the emotions {sorted(set(labels))} of {USAGE[self.split]}")
        return np.stack(pixels), np.array(labels), NAMES
