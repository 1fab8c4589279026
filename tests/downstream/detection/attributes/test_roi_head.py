"""Which regions attributes are learned of, and that those of a box belong to that box."""

import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from tandemclip.tests.downstream.detection.attributes.small import configuration

SIZE = (96, 128)


def built(root, **roi_head):
    config = configuration(root)
    config.merge_from_dict(dict(model=dict(roi_head=roi_head)))
    torch.manual_seed(0)
    return MODELS.build(config.model)


@pytest.fixture(scope="module")
def detector(root):
    return built(root)


@pytest.fixture
def sample():
    """Annotated in a picture twice as large as the network's input."""
    sample = DetDataSample(metainfo=dict(img_shape=SIZE, ori_shape=(192, 256), scale_factor=(0.5, 0.5), pad_shape=SIZE))
    boxes = torch.tensor([[20.0, 20, 120, 140], [140, 40, 240, 180]])
    attributes = torch.tensor([[0, 1, 0, 0], [1, 0, 0, 1]], dtype=torch.uint8)
    sample.gt_instances = InstanceData(bboxes=boxes, labels=torch.tensor([3, 5]), attributes=attributes)
    sample.ignored_instances = InstanceData(bboxes=torch.zeros(0, 4))
    return sample


def sampled(head, truths):
    """As in training: proposals beside the annotated boxes, positive and negative ones."""
    found = []
    for number, truth in enumerate(truths):
        near = truth.bboxes.repeat(8, 1)
        near += torch.randn(near.shape, generator=torch.Generator().manual_seed(number)) * 8
        far = torch.tensor([[0.0, 150, 30, 190]]).repeat(5, 1)
        proposals = InstanceData(bboxes=torch.cat([near, far]))
        found.append(head._sampled([torch.zeros(2, 1, 4, 4)], number, proposals, truth, None))
    return found


def test_attributes_are_learned_of_positive_regions_with_those_of_their_box(detector, sample):
    head = detector.roi_head
    first, second = sample.gt_instances, sample.gt_instances[:1]
    truths = [first, second]
    found = sampled(head, truths)
    counts = [(len(result.pos_priors), len(result.neg_priors)) for result in found]
    assert all(min(pair) > 0 for pair in counts)
    regions = torch.randn(sum(map(sum, counts)), 8, 7, 7, generator=torch.Generator().manual_seed(5))
    loss = head._attribute_loss(regions, found, truths)

    features = head.pooled(head.bbox_head, regions)
    rows, labels, attributes, start = [], [], [], 0
    for truth, result, (positive, negative) in zip(truths, found, counts):
        for i in range(positive):
            box = int(result.pos_assigned_gt_inds[i])
            rows.append(features[start + i])
            labels.append(int(truth.labels[box]))
            attributes.append(truth.attributes[box])
        start += positive + negative
    expected = head.attribute_head.loss(torch.stack(rows), torch.tensor(labels), torch.stack(attributes))
    torch.testing.assert_close(loss, expected)

    first_positive = counts[0][0]
    other = regions.clone()
    other[first_positive : sum(counts[0])] = 9.0  # negative ones: nothing is learned of them
    torch.testing.assert_close(head._attribute_loss(other, found, truths), loss)


def test_the_loss_trains_the_whole_network(detector, sample):
    sample.gt_instances.bboxes /= 2  # in training, boxes are those of the network's input
    images = torch.randn(1, 3, *SIZE, generator=torch.Generator().manual_seed(2))
    losses = detector.train().loss(images, [sample])
    assert {"loss_attributes", "loss_cls", "loss_bbox"} <= set(losses)
    detector.zero_grad()
    losses["loss_attributes"].backward()
    assert (
        detector.backbone.layer4[1].conv2.weight.grad.any()
        and detector.roi_head.attribute_head.hidden.weight.grad.any()
    )


def test_fully_connected_is_what_the_category_is_told_from(detector):
    head = detector.roi_head
    regions = torch.randn(3, 8, 7, 7, generator=torch.Generator().manual_seed(3))
    scores, _ = head.bbox_head(regions)
    torch.testing.assert_close(head.bbox_head.fc_cls(head.pooled(head.bbox_head, regions)), scores)


def test_mean_is_the_mean_over_the_region(root, sample):
    head = built(root, feature="mean", attribute_head=dict(in_channels=8)).roi_head
    regions = torch.randn(3, 8, 7, 7, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(head.pooled(head.bbox_head, regions), regions.sum((2, 3)) / 49)


def test_boxes_that_are_found_and_that_are_annotated_are_described(detector, sample):
    images = torch.randn(1, 3, *SIZE, generator=torch.Generator().manual_seed(2))
    head = detector.eval().roi_head
    with torch.no_grad():
        result = detector.predict(images, [sample])[0]
        maps = detector.extract_feat(images)
        found, truth = result.pred_instances, result.gt_instances
        assert len(found) and found.attributes.shape == (len(found), 4) and found.features.shape == (len(found), 16)
        for boxes, labels, probabilities in (
            (found.bboxes, found.labels, found.attributes),
            (truth.bboxes, truth.labels, truth.attribute_probabilities),
        ):
            ((_, expected),) = head.describe(maps, [boxes / 2], [labels])
            torch.testing.assert_close(probabilities, expected)
            ((_, wrong),) = head.describe(maps, [boxes / 2], [(labels + 1) % 10])
            assert (wrong - expected).abs().max() > 1e-6  # by the category


def test_pictures_do_not_mix(detector):
    images = torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(4))
    boxes = [torch.tensor([[10.0, 10, 60, 60]]), torch.tensor([[30.0, 20, 90, 80], [10, 10, 60, 60]])]
    labels = [torch.tensor([1]), torch.tensor([2, 1])]
    with torch.no_grad():
        head, maps = detector.eval().roi_head, detector.extract_feat(images)
        together = head.describe(maps, boxes, labels)
        for i in range(2):
            alone = head.describe([level[i : i + 1] for level in maps], boxes[i : i + 1], labels[i : i + 1])[0]
            torch.testing.assert_close(together[i], alone)
