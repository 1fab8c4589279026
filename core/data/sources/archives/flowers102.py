"""Oxford Flowers 102 (Nilsback and Zisserman 2008): MATLAB lists of pictures and of the number of each class."""

from dataclasses import dataclass
from typing import Literal

from tandemclip.core.data.sources.archives.labelled import Labelled, Listed
from tandemclip.core.data.sources.archives.matlab import read_mat, whole_numbers

LISTS = {"train": "trnid", "val": "valid", "test": "tstid"}


@dataclass(frozen=True)
class Flowers102(Labelled):
    """`jpg/image_00001.jpg`, by `imagelabels.mat` (the class of each picture, from 1) and `setid.mat` (the pictures of
    each split). The archive has no names of classes, so that `classes` is needed.

    split: which list of setid.mat.
    """

    split: Literal["train", "val", "test"] = "test"

    def listed(self):
        variables = (("imagelabels.mat", "labels"), ("setid.mat", LISTS[self.split]))
        labels, chosen = (whole_numbers(self, *each, read_mat(self, *each)) for each in variables)
        if chosen.max() > len(labels):
            raise self.unlike("setid.mat", f"picture {chosen.max()} of {len(labels)}")
        return Listed([f"jpg/image_{number:05d}.jpg" for number in chosen], labels[chosen - 1] - 1, (), {})
