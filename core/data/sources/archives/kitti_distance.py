"""KITTI's pictures by how far away the nearest vehicle is: a class of four (VTAB, Zhai et al. 2019)."""

import math
from dataclasses import dataclass

from tandemclip.core.data.account import Tally
from tandemclip.core.data.sources.archives.labelled import Labelled, Listed

VEHICLES = ("Car", "Van", "Truck")
UNKNOWN = -1000  # metres, in KITTI's labels; a long vehicle beside the camera may be a little less than 0 ahead
METRES = (8.0, 20.0)  # where one class ends and the next begins
NAMES = ("a car very near", "a car nearby", "a car in the distance", "no car")


@dataclass(frozen=True)
class KittiDistance(Labelled):
    """KITTI's left colour pictures (Geiger et al. 2012): `training/image_2/000000.png` by
    `training/label_2/000000.txt`, which has a line for each object: its type first, and as 14th word how many metres it
    is ahead.

    The class is that of the nearest car, van or truck: up to 8 m, up to 20 m, farther, or none at all. KITTI keeps the
    labels of its test, so that splits are taken of these pictures (`of_each_class`, `share`).
    """

    def listed(self):
        texts = [name for name in self.files.within("training/label_2") if name.endswith(".txt")]
        pictures = [f"training/image_2/{name.removesuffix('.txt')}.png" for name in texts]
        labels = [self._label(f"training/label_2/{name}") for name in texts]
        passed, listed = Tally(), set(pictures)
        for name in self.files.within("training/image_2"):
            if f"training/image_2/{name}" not in listed:
                passed.add("it has no file of labels", f"training/image_2/{name}")
        return Listed(pictures, labels, NAMES, passed.counts, "pictures")

    def _label(self, name: str) -> int:
        distances = []
        for line in self.lines(name):
            words = line.split()
            if len(words) < 15:
                raise self.unlike(name, line)
            if words[0] in VEHICLES:
                try:
                    distances.append(float(words[13]))
                except ValueError as error:
                    raise self.unlike(name, line) from error
        if not all(UNKNOWN < distance < math.inf for distance in distances):
            raise self.unlike(name, f"the distances {distances}")
        return sum(min(distances) > end for end in METRES) if distances else len(METRES) + 1
