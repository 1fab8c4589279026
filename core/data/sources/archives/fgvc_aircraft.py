"""FGVC-Aircraft (Maji et al. 2013): lists of pictures with the name of each class."""

from dataclasses import dataclass
from typing import Literal

from tandemclip.core.data.sources.archives.labelled import Labelled, Listed


@dataclass(frozen=True)
class FgvcAircraft(Labelled):
    """`images/0034309.jpg`, by `images_variant_test.txt` and the like: "0034309 707-320", the picture and its variant.
    `variants.txt` has the names of all, a line each. `path` is the archive's folder `data`.

    split: which list.
    """

    split: Literal["train", "val", "trainval", "test"] = "test"

    def listed(self):
        names, lists = self.lines("variants.txt"), f"images_variant_{self.split}.txt"
        number, pictures, labels = {name: place for place, name in enumerate(names)}, [], []
        if twice := [name for place, name in enumerate(names) if number[name] != place]:
            raise self.unlike("variants.txt", f"{twice[0]} twice")
        for line in self.lines(lists):
            picture, _, name = line.partition(" ")
            if name not in number:
                raise self.unlike(lists, line)
            pictures.append(f"images/{picture}.jpg")
            labels.append(number[name])
        return Listed(pictures, labels, tuple(names), {})
