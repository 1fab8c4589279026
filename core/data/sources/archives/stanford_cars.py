"""Stanford Cars (Krause et al. 2013): MATLAB tables of pictures with the number of each class."""

from dataclasses import dataclass
from typing import Literal

from tandemclip.core.data.sources.archives.labelled import Labelled, Listed
from tandemclip.core.data.sources.archives.matlab import read_mat

TABLES = {"train": "devkit/cars_train_annos.mat", "test": "cars_test_annos_withlabels.mat"}


@dataclass(frozen=True)
class StanfordCars(Labelled):
    """`cars_train/00001.jpg` by `devkit/cars_train_annos.mat`, `cars_test/00001.jpg` by
    `cars_test_annos_withlabels.mat`; `devkit/cars_meta.mat` has the names of the classes, such as "Audi TTS Coupe
    2012".

    split: which table.
    """

    split: Literal["train", "test"] = "test"

    def listed(self):
        rows = read_mat(self, TABLES[self.split], "annotations")
        if not {"fname", "class"} <= set(rows.dtype.names or ()):
            raise self.unlike(TABLES[self.split], f"the columns {rows.dtype.names}")
        names = tuple(map(str, read_mat(self, "devkit/cars_meta.mat", "class_names")))
        labels = [int(row["class"]) - 1 for row in rows]
        if not all(0 <= label < len(names) for label in labels):
            raise self.unlike(TABLES[self.split], f"a class that is none of {len(names)}")
        return Listed([f"cars_{self.split}/{row['fname']}" for row in rows], labels, names, {})
