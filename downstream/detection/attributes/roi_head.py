"""Faster R-CNN's (or Mask R-CNN's) second stage with an attribute head beside the box head."""

import torch
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.utils import unpack_gt_instances
from mmdet.registry import MODELS
from mmdet.structures.bbox import bbox2roi, scale_boxes
from torch.nn import functional as F


def mean(head, regions: torch.Tensor) -> torch.Tensor:
    """[N, C, h, w] -> [N, C]: the mean over the region. Behind a C4 network's shared head 2048, as in the paper."""
    return regions.mean((2, 3))


def fully_connected(head, regions: torch.Tensor) -> torch.Tensor:
    """[N, C, h, w] -> [N, F]: what the box head's last shared layer gives, of which it tells the category."""
    for layer in head.shared_convs:
        regions = layer(regions)
    rows = (head.avg_pool(regions) if head.with_avg_pool else regions).flatten(1)
    for layer in head.shared_fcs:
        rows = F.relu(layer(rows))
    return rows


FEATURES = {"mean": mean, "fully_connected": fully_connected}


@MODELS.register_module()
class AttributeRoIHead(StandardRoIHead):
    """What StandardRoIHead finds, and the attributes of each box.

    attribute_head: its configuration. feature: which feature of a region the attributes are told from, and PyramidCLIP
    gets: "mean" of the region's map, or "fully_connected", the box head's shared layers' output.

    Annotated instances have `attributes` [n, A], 1 for each that the object has. They are learned of positive regions
    only, each with those of the box that it was assigned to.
    """

    def __init__(self, *args, attribute_head: dict, feature: str = "mean", **kwargs):
        super().__init__(*args, **kwargs)
        self.attribute_head = MODELS.build(attribute_head)
        self.pooled = FEATURES[feature]

    def loss(self, x, rpn_results_list, batch_data_samples) -> dict:
        """As in StandardRoIHead, and "loss_attributes"."""
        truths, ignored, _ = unpack_gt_instances(batch_data_samples)
        sampled = [self._sampled(x, i, *given) for i, given in enumerate(zip(rpn_results_list, truths, ignored))]
        boxes = self.bbox_loss(x, sampled)
        losses = {**boxes["loss_bbox"], "loss_attributes": self._attribute_loss(boxes["bbox_feats"], sampled, truths)}
        if self.with_mask:
            losses |= self.mask_loss(x, sampled, boxes["bbox_feats"], truths)["loss_mask"]
        return losses

    def _sampled(self, x, number, proposals, truth, ignored):
        """The regions of picture `number` that are learned of, with the boxes they belong to."""
        proposals.priors = proposals.pop("bboxes")
        assigned = self.bbox_assigner.assign(proposals, truth, ignored)
        return self.bbox_sampler.sample(assigned, proposals, truth, feats=[level[number][None] for level in x])

    def _attribute_loss(self, regions, sampled, truths):
        """regions [N, C, h, w]: of every picture its positive ones, then its negative ones."""
        counts = [(len(result.pos_priors), len(result.neg_priors)) for result in sampled]
        flags = [torch.arange(positive + negative) < positive for positive, negative in counts]
        positive = regions[torch.cat(flags).to(regions.device)]
        labels = torch.cat([result.pos_gt_labels for result in sampled])
        attributes = [truth.attributes[result.pos_assigned_gt_inds] for truth, result in zip(truths, sampled)]
        return self.attribute_head.loss(self.pooled(self.bbox_head, positive), labels, torch.cat(attributes))

    def predict(self, x, rpn_results_list, batch_data_samples, rescale: bool = False):
        """As in StandardRoIHead, with `features` [n, D] and `attributes` [n, A], their probabilities.

        Annotated boxes of the samples, in pixels of the picture's file as mmdet's test pipelines have them, get
        `attribute_probabilities` [n, A] with their true category: what `AttributesRight` measures.
        """
        results = super().predict(x, rpn_results_list, batch_data_samples, rescale=rescale)
        factors = [sample.metainfo["scale_factor"] for sample in batch_data_samples]
        described = self.describe(
            x,
            [scale_boxes(found.bboxes, factor) if rescale else found.bboxes for found, factor in zip(results, factors)],
            [found.labels for found in results],
        )
        for found, (features, probabilities) in zip(results, described):
            found.features, found.attributes = features, probabilities
        truths = [sample.gt_instances for sample in batch_data_samples if "gt_instances" in sample]
        if len(truths) == len(results) and all("attributes" in truth for truth in truths):
            boxes = [scale_boxes(truth.bboxes.to(x[0]), factor) for truth, factor in zip(truths, factors)]
            described = self.describe(x, boxes, [truth.labels.to(x[0].device) for truth in truths])
            for truth, (_, probabilities) in zip(truths, described):
                truth.attribute_probabilities = probabilities.to(truth.bboxes.device)
        return results

    def describe(self, x, boxes: list, labels: list) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """boxes, for each picture [n, 4] in pixels of the network's input, and labels [n], their categories -> for each
        picture features [n, D] and probabilities of the attributes [n, A].
        """
        rois = bbox2roi(boxes)
        regions = self.bbox_roi_extractor(x[: self.bbox_roi_extractor.num_inputs], rois)
        if self.with_shared_head:
            regions = self.shared_head(regions)
        features = self.pooled(self.bbox_head, regions)
        probabilities = self.attribute_head.probabilities(features, torch.cat(labels))
        counts = [len(found) for found in boxes]
        return list(zip(features.split(counts), probabilities.split(counts)))
