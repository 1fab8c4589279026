"""Ranks by MindSpore's own collectives, as `msrun` starts them: HCCL between Ascend devices, MCCL between CPUs."""

import os

from mindspore import communication
from mindspore import ops as kernels

from tandemclip.core.training.ranks import Alone


def join():
    """This process among those that msrun started; `Alone` where it was started by itself."""
    if "MS_ROLE" not in os.environ:
        return Alone()
    communication.init()
    return Ranks()


class Ranks:
    """core.training.ranks.Ranks."""

    def __init__(self):
        self.rank, self.size = communication.get_rank(), communication.get_group_size()
        self._gather, self._sum = kernels.AllGather(), kernels.AllReduce()

    def gather(self, x):
        return self._gather(x)

    def sum(self, x):
        return self._sum(x)
