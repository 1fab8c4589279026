"""A loss that is not finite is named; tests/tools/test_detect.py has a training that it stops."""

import pytest
import torch

from tandemclip.downstream.detection import register  # noqa: F401
from tandemclip.downstream.detection.finite import FiniteLosses, NotFinite


class Sample:
    img_path = "photos/7.jpg"


class Runner:  # what the hook reads of one
    iter = 4


def look(**losses):
    FiniteLosses().after_train_iter(Runner(), 4, {"data_samples": [Sample(), Sample()]}, losses)


def test_finite_losses_pass():
    look(loss=torch.tensor(2.0), loss_rpn=torch.tensor([1.0, 2.0]), acc=torch.tensor(float("nan")))  # no loss


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_iteration_losses_and_pictures_are_named(value):
    words = "iteration 5: loss_cls, loss_rpn is not finite; the batch held photos/7.jpg, photos/7.jpg; "
    with pytest.raises(NotFinite, match=words):
        look(loss_cls=torch.tensor(value), loss_rpn=torch.tensor([1.0, value]), loss_mask=torch.tensor(1.0))
