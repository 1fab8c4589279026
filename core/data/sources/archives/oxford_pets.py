"""The Oxford-IIIT Pet data set (Parkhi et al. 2012): lists of pictures with the number of each class."""

from dataclasses import dataclass
from itertools import chain
from typing import Literal

from tandemclip.core.data.sources.archives.labelled import Labelled, Listed


@dataclass(frozen=True)
class OxfordPets(Labelled):
    """`images/Abyssinian_100.jpg`, by `annotations/trainval.txt` and `test.txt`: "Abyssinian_100 1 1 1", the picture,
    the number of its class from 1, and two further numbers. A class is called what the pictures' names begin with.

    split: which list.
    """

    split: Literal["trainval", "test"] = "test"

    def listed(self):
        called: dict[int, str] = {}
        number: dict[str, int] = {}
        pairs_of = {split: self._pairs(split) for split in ("trainval", "test")}
        for picture, label in chain(*pairs_of.values()):
            name = picture.rpartition("_")[0]
            if called.setdefault(label, name) != name or number.setdefault(name, label) != label:
                raise self.unlike("annotations", f"{picture} of class {label + 1}, unlike another line")
        pairs = pairs_of[self.split]
        if sorted(called) != list(range(len(called))):
            raise self.unlike("annotations", f"the classes {sorted(called)}")
        pictures = [f"images/{name}.jpg" for name, _ in pairs]
        return Listed(pictures, [label for _, label in pairs], tuple(called[label] for label in sorted(called)), {})

    def _pairs(self, split: str) -> list[tuple[str, int]]:
        """(name of a picture, its class) of each line; comments begin with #."""
        name, found = f"annotations/{split}.txt", []
        for line in self.lines(name):
            words = line.split()
            if line[0] == "#":
                continue
            if len(words) < 2 or not words[1].isdecimal() or not words[0].rpartition("_")[0]:
                raise self.unlike(name, line)
            found.append((words[0], int(words[1]) - 1))
        return found
