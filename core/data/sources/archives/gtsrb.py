"""The German Traffic Sign Recognition Benchmark (Stallkamp et al. 2012): folders of classes, and a table of a test."""

from dataclasses import dataclass
from typing import Literal

from tandemclip.core.data.sources.archives.labelled import Labelled, Listed

TABLE, TRAIN, TEST = "GT-final_test.csv", "GTSRB/Training", "GTSRB/Final_Test/Images"


@dataclass(frozen=True)
class Gtsrb(Labelled):
    """`GTSRB/Training/00012/00000_00000.ppm`, of the class that the folder numbers; `GTSRB/Final_Test/Images/00000.ppm`
    by `GT-final_test.csv`: "Filename;...;ClassId". The archive has no names of classes, so that `classes` is needed.

    split: train or test.
    """

    split: Literal["train", "test"] = "test"

    def listed(self):
        pairs = self._trained() if self.split == "train" else self._tested()
        return Listed([name for name, _ in pairs], [label for _, label in pairs], (), {})

    def _trained(self) -> list[tuple[str, int]]:
        folders = [folder for folder in self.files.folders(TRAIN) if folder.isdecimal()]
        return [
            (f"{TRAIN}/{folder}/{name}", int(folder))
            for folder in folders
            for name in self.files.within(f"{TRAIN}/{folder}")
            if name.endswith(".ppm")
        ]

    def _tested(self) -> list[tuple[str, int]]:
        first, *lines = (line.split(";") for line in self.lines(TABLE))
        if not {"Filename", "ClassId"} <= set(first):
            raise self.unlike(TABLE, ";".join(first))
        name, label = first.index("Filename"), first.index("ClassId")
        try:
            return [(f"{TEST}/{line[name]}", int(line[label])) for line in lines]
        except (IndexError, ValueError) as error:
            raise self.unlike(TABLE, str(error)) from error
