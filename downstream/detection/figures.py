"""COCO's figures, also where nothing was found."""

from mmdet.evaluation import CocoMetric
from mmdet.registry import METRICS
from mmengine.logging import MMLogger

FIGURES = ("mAP", "mAP_50", "mAP_75", "mAP_s", "mAP_m", "mAP_l")


@METRICS.register_module()
class CocoFigures(CocoMetric):
    """mmdet's CocoMetric, for `metric` of "bbox" and "segm". A detector that finds nothing has AP 0.

    mmdet gives no figure at all then, so that a run which found nothing looks like one that was not evaluated, and
    `save_best` fails. Without `ann_file` the truth is the data set's: `instances` has to be among PackDetInputs'
    `meta_keys`.
    """

    def compute_metrics(self, results: list) -> dict[str, float]:
        figures = super().compute_metrics(results)
        expected = [f"{metric}_{figure}" for metric in self.metrics for figure in self.metric_items or FIGURES]
        if not self.format_only and not set(expected) & set(figures):
            logger = MMLogger.get_current_instance()
            logger.warning(f"nothing was found in {len(results)} pictures: AP is 0")
            figures.update(dict.fromkeys(expected, 0.0))
        return figures
