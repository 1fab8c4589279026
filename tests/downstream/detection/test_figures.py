"""COCO's figures where nothing was found."""

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger

from tandemclip.downstream.detection import register  # noqa: F401
from tandemclip.downstream.detection.figures import CocoFigures


def measured(boxes, scores, **settings):
    """Of two pictures with a thing each, of which the first has what is found."""
    metric = CocoFigures(**settings)
    metric.dataset_meta = dict(classes=("one", "two"))
    for number in range(2):
        count = len(scores) if number == 0 else 0
        found = dict(
            bboxes=torch.tensor(boxes[:count]).reshape(-1, 4).float(),
            scores=torch.tensor(scores[:count]).float(),
            labels=torch.zeros(count, dtype=torch.int64),
        )
        truth = [dict(bbox=[8, 8, 40, 40], bbox_label=0, ignore_flag=0)]
        metric.process({}, [dict(img_id=f"{number:06}", ori_shape=(64, 64), instances=truth, pred_instances=found)])
    return metric.evaluate(2)


def test_nothing_found_is_ap_zero_and_a_sentence(caplog, monkeypatch):
    monkeypatch.setattr(MMLogger.get_current_instance(), "handlers", [caplog.handler])
    figures = measured([], [], metric="bbox")
    assert figures == {f"coco/bbox_{name}": 0.0 for name in ("mAP", "mAP_50", "mAP_75", "mAP_s", "mAP_m", "mAP_l")}
    assert "nothing was found in 2 pictures: AP is 0" in caplog.text


def test_what_was_asked_for_is_what_is_zero():
    assert measured([], [], metric="bbox", metric_items=["mAP_50"], prefix="p") == {"p/bbox_mAP_50": 0.0}


def test_something_found_has_the_figure_of_coco():
    """One of two things, at IoU 1: precision 1 up to recall 0.5, which are 51 of 101 points."""
    figures = measured([[8, 8, 40, 40]], [0.9], metric="bbox")
    assert figures["coco/bbox_mAP"] == figures["coco/bbox_mAP_75"] == pytest.approx(51 / 101, abs=1e-3)
    assert np.isfinite(figures["coco/bbox_mAP_50"])
