"""How well attributes are told, apart from how well objects are found."""

from mmdet.registry import METRICS
from mmengine.evaluator import BaseMetric

from tandemclip.core.errors import UserError


@METRICS.register_module()
class AttributesRight(BaseMetric):
    """The share of attributes that are right, in percent, on annotated boxes with their true category.

    An object with k attributes is asked for the k most probable ones: those of them that it has are right. Objects
    without attributes are asked nothing; "boxes" says how many were asked.
    """

    default_prefix = "attributes"

    def process(self, data_batch, data_samples) -> None:
        for sample in data_samples:
            truth = sample["gt_instances"]
            found = []
            for given, probabilities in zip(truth["attributes"].bool(), truth["attribute_probabilities"]):
                if count := int(given.sum()):
                    found.append((int(given[probabilities.topk(count).indices].sum()), count))
            self.results.append(found)  # one entry a picture: mmengine cuts them at the number of pictures

    def compute_metrics(self, results: list[list[tuple[int, int]]]) -> dict[str, float]:
        """results: for each picture (right, asked) of every box that has attributes. UserError where there is none."""
        boxes = [box for picture in results for box in picture]
        if not boxes:
            raise UserError(
                "no annotated box has an attribute, so that none can be right; test on a file that "
                "`tandemclip prepare detection` made of a source with attributes"
            )
        right, asked = map(sum, zip(*boxes))
        return {"right": 100 * right / asked, "boxes": len(boxes)}
