"""Stanford Cars (Krause et al. 2013): MATLAB tables of pictures with the number of each class."""

from dataclasses import dataclass
from typing import Literal

from tandemclip.core.data.sources.archives.labelled import Labelled, Listed
from tandemclip.core.data.sources.archives.matlab import read_mat, texts, whole_numbers

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
        table, meta = TABLES[self.split], "devkit/cars_meta.mat"
        rows = read_mat(self, table, "annotations")
        if not {"fname", "class"} <= set(rows.dtype.names or ()):
            raise self.unlike(table, f"the columns {rows.dtype.names}")
        names = tuple(texts(self, meta, "class_names", read_mat(self, meta, "class_names")))
        labels = whole_numbers(self, table, "class", rows["class"])
        if labels.max() > len(names):
            raise self.unlike(table, f"a class that is none of {len(names)}")
        pictures = [f"cars_{self.split}/{name}" for name in texts(self, table, "fname", rows["fname"])]
        return Listed(pictures, labels - 1, names, {})
