"""Attributes on their way from the data set's annotations to the detector's instances."""

import numpy as np
from mmdet.datasets.transforms import LoadAnnotations, PackDetInputs
from mmdet.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadObjectAttributes(LoadAnnotations):
    """Boxes and categories as LoadAnnotations loads them, and gt_attributes [n, A] uint8, 1 for each attribute."""

    def transform(self, results: dict) -> dict:
        results = super().transform(results)
        rows = np.zeros((len(results["instances"]), results["attribute_count"]), np.uint8)
        for row, instance in zip(rows, results["instances"]):
            row[list(instance["attribute_labels"])] = 1
        results["gt_attributes"] = rows
        return results


@TRANSFORMS.register_module()
class PackObjectAttributes(PackDetInputs):
    """PackDetInputs that gives gt_instances their `attributes`.

    A transform before it that leaves out boxes leaves all attributes in, and mmengine then refuses the lengths.
    """

    mapping_table = {**PackDetInputs.mapping_table, "gt_attributes": "attributes"}
