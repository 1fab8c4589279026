"""A data set of mmdet that has what it is asked for: pictures, and the classes of the configuration."""

from collections.abc import Iterator
from contextlib import contextmanager

from mmdet.datasets import CocoDataset, XMLDataset
from mmengine.dataset import ConcatDataset
from torch.utils.data import Dataset

from tandemclip.core.errors import UserError
from tandemclip.downstream.detection.configured import parts
from tandemclip.downstream.detection.mistakes import last_line

NOTHING = "need at least one array to concatenate"  # what numpy says when mmengine packs a list of no pictures
# What mmengine, mmdet and pycocotools raise of a file that is not as expected; ElementTree's are SyntaxErrors.
MISREAD = (AssertionError, LookupError, SyntaxError, TypeError, ValueError)


@contextmanager
def opened(settings: dict) -> Iterator[None]:
    """settings: a loader's. Raises UserError, by the files' names, for data that it cannot be made of."""
    try:
        yield
    except MISREAD as error:
        dataset = settings["dataset"]
        files = ", ".join(part["ann_file"] for part in parts(dataset) if "ann_file" in part) or dataset.get("type")
        if NOTHING not in str(error):
            raise UserError(
                f"the data set {files} cannot be opened ({type(error).__name__}: {last_line(error)}); correct the "
                "file, or what the configuration says of its dataloader"
            ) from error
        raise UserError(
            f"the data set {files} has no picture left: it lists none, or no thing on them is of the configuration's "
            "classes, or filter_cfg leaves all out; give another file, or metainfo=dict(classes=...) as they are "
            "called there"
        ) from error


def require_classes(dataset: Dataset) -> None:
    """Raises UserError for annotations that lack a class: mmdet would number those behind it anew."""
    for part in _single(dataset):
        classes = part.metainfo["classes"]
        if isinstance(part, CocoDataset) and len(part.cat_ids) != len(classes):
            raise UserError(
                f"{part.ann_file} has {len(part.cat_ids)} of the {len(classes)} classes of the configuration "
                f"({_some(classes)}); give a file that lists all of them, or metainfo=dict(classes=...) as they are "
                "called there, with num_classes of the model's heads"
            )
        if isinstance(part, XMLDataset) and not any(part.get_data_info(i)["instances"] for i in range(len(part))):
            raise UserError(
                f"no thing on the pictures that {part.ann_file} lists is of the configuration's classes "
                f"({_some(classes)}); give other data, or metainfo=dict(classes=...) as they are called there"
            )


def _single(dataset: Dataset) -> Iterator[CocoDataset | XMLDataset]:
    if isinstance(dataset, ConcatDataset):
        for part in dataset.datasets:
            yield from _single(part)
    elif isinstance(dataset, (CocoDataset, XMLDataset)):
        yield dataset


def _some(classes: tuple[str, ...]) -> str:
    return ", ".join(classes[:3]) + (", ..." if classes[3:] else "")
