"""The German Traffic Sign Recognition Benchmark (Stallkamp et al. 2012): folders of classes, and a table of a test."""

from dataclasses import dataclass
from typing import Literal

from tandemclip.core.data.account import Tally
from tandemclip.core.data.sources.archives.labelled import Labelled, Listed

CLASSES = 43
TABLE, TRAIN, TEST = "GT-final_test.csv", "GTSRB/Training", "GTSRB/Final_Test/Images"


@dataclass(frozen=True)
class Gtsrb(Labelled):
    """`GTSRB/Training/00012/00000_00000.ppm`, of the class that the folder numbers; `GTSRB/Final_Test/Images/00000.ppm`
    by `GT-final_test.csv`: "Filename;...;ClassId". The archive has no names of classes, so that `classes` is needed.

    split: train or test.
    """

    split: Literal["train", "test"] = "test"

    def listed(self):
        passed = Tally()
        pairs = self._trained(passed) if self.split == "train" else self._tested()
        return Listed([name for name, _ in pairs], [label for _, label in pairs], (), passed.counts)

    def _trained(self, passed: Tally) -> list[tuple[str, int]]:
        """The table that each folder has of its own pictures is not counted."""
        pairs: list[tuple[str, int]] = []
        for name in self.files.within(TRAIN):
            passed.add("it lies in no folder of a class", f"{TRAIN}/{name}")
        for folder in self.files.folders(TRAIN):
            for name in self.files.within(f"{TRAIN}/{folder}"):
                file = f"{TRAIN}/{folder}/{name}"
                if not _is_class(folder):
                    passed.add("it lies in no folder of a class", file)
                elif name.endswith(".ppm"):
                    pairs.append((file, int(folder)))
                elif name != f"GT-{folder}.csv":
                    passed.add("its name does not end in .ppm", file)
        return pairs

    def _tested(self) -> list[tuple[str, int]]:
        first, *lines = [line.split(";") for line in self.lines(TABLE)] or [[]]
        if not {"Filename", "ClassId"} <= set(first):
            raise self.unlike(TABLE, ";".join(first))
        name, label = first.index("Filename"), first.index("ClassId")
        for line in lines:
            if len(line) != len(first) or not _is_class(line[label]):
                raise self.unlike(TABLE, ";".join(line))
        return [(f"{TEST}/{line[name]}", int(line[label])) for line in lines]


def _is_class(number: str) -> bool:
    return number.isdecimal() and int(number) < CLASSES
