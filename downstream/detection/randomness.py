"""Random draws that are a function of the seed, the iteration and the rank, so that a resume needs no saved state."""

import random

import numpy as np
import torch
from mmdet.registry import HOOKS
from mmengine.dist import get_rank
from mmengine.hooks import Hook

from tandemclip.core.random import generator


@HOOKS.register_module()
class KeyedRandomness(Hook):
    """Seeds torch before every iteration, and numpy and Python before every epoch, each with a number of its own.

    What a model draws (mmdet's samplers of boxes, drop path) is then the same after a resume as without one. What the
    transforms draw is KeyedTrainLoop's to key, sample by sample. In mmengine's own loops this hook does what it can:
    the one by iterations reads the past batches once more when it resumes, and the one by epochs goes on at the start
    of one. Workers have seeds of their own from mmengine, which restart every epoch; with `persistent_workers` and
    epochs they do not, and a resume draws other transforms.
    """

    priority = "VERY_HIGH"  # before any hook that draws

    def before_train_epoch(self, runner) -> None:
        seed = _seed(runner, "epoch", runner.epoch)
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        torch.manual_seed(_seed(runner, "iteration", runner.iter))  # of all devices


def _seed(runner, kind: str, number: int) -> int:
    """A number in [0, 2^32): what numpy takes."""
    return int(generator("detection", kind, runner.seed, number, get_rank()).integers(2**32))
