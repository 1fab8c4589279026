"""COCO's json with attributes, as `tools/prepare.py detection` writes it."""

import json

from mmdet.datasets import CocoDataset
from mmdet.registry import DATASETS

from tandemclip.core.errors import UserError

LAYOUT = '"attributes": [{"id", "name"}] at the top, and "attributes": [names] in the annotations that have any'


@DATASETS.register_module()
class ObjectAttributeDataset(CocoDataset):
    """Boxes with a category and attributes: CocoDataset, and of each instance "attribute_labels", numbers from 0.

    Categories and attributes are those of the file, in its order; `attributes` in metainfo stand in place of the
    file's. metainfo has both in the end, so that a checkpoint has the words of what it tells. Raises UserError for a
    file without attributes, for other classes in metainfo, and for an annotation with an attribute that is not listed.
    """

    METAINFO: dict = {}

    def load_data_list(self) -> list[dict]:
        categories, attributes = _names(self.ann_file)
        # mmdet numbers classes in the file's order whatever metainfo says.
        if tuple(self._metainfo.get("classes", categories)) != categories:
            raise UserError(
                f"{self.ann_file} has the categories {', '.join(categories)}, and metainfo's classes are "
                f"{', '.join(self._metainfo['classes'])}; leave classes out of metainfo"
            )
        self._take_names(categories, self._metainfo.get("attributes", attributes))
        return super().load_data_list()

    def _take_names(self, categories, attributes) -> None:
        self._metainfo |= {"classes": tuple(categories), "attributes": tuple(attributes)}
        self._attribute_labels = {name: label for label, name in enumerate(attributes)}

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """One annotation after another, because CocoDataset leaves some out and does not say which."""
        image, annotations = raw_data_info["raw_img_info"], raw_data_info["raw_ann_info"]
        parsed = super().parse_data_info({"raw_img_info": image, "raw_ann_info": []})
        for annotation in annotations:
            alone = super().parse_data_info({"raw_img_info": image, "raw_ann_info": [annotation]})
            for instance in alone["instances"]:
                parsed["instances"].append({**instance, "attribute_labels": self._labels(annotation)})
        return {**parsed, "attribute_count": len(self._attribute_labels)}

    def _labels(self, annotation: dict) -> list[int]:
        try:
            return sorted({self._attribute_labels[name] for name in annotation.get("attributes", ())})
        except KeyError as error:
            raise UserError(
                f"{self.ann_file}: annotation {annotation['id']} has the attribute {error}, which is not listed; "
                f"expected {LAYOUT}"
            ) from error


def _names(path: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """-> (the categories, the attributes) of a file, in its order"""
    try:
        with open(path, "rb") as file:
            content = json.load(file)
        return tuple(tuple(entry["name"] for entry in content[kind]) for kind in ("categories", "attributes"))
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); let `tandemclip prepare detection` write it"
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is no COCO file with attributes ({error!r}); expected {LAYOUT}") from error
