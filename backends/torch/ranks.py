"""Ranks by torch.distributed, as `torchrun` starts them: NCCL between GPUs, Gloo between CPUs."""

import atexit
from datetime import timedelta

import torch
import torch.distributed as dist

from tandemclip.backends.torch.devices import device
from tandemclip.core.training.ranks import Alone

# What a rank waits for another one, which may be evaluating. One that has died is torchrun's to notice, within seconds.
PATIENCE = timedelta(hours=4)


def join():
    """This process among those that torchrun started; `Alone` where it was started by itself."""
    if not dist.is_torchelastic_launched():
        return Alone()
    on_gpu = device().startswith("cuda")
    if on_gpu:
        torch.cuda.set_device(device())  # else every rank would allocate on the first GPU, NCCL's buffers too
    dist.init_process_group("nccl" if on_gpu else "gloo", timeout=PATIENCE)
    atexit.register(dist.destroy_process_group)  # Gloo's threads otherwise abort the program as it ends
    return Ranks()


class Ranks:
    """core.training.ranks.Ranks."""

    def __init__(self):
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def gather(self, x):
        parts = x.new_empty((self.size * x.shape[0], *x.shape[1:]))
        dist.all_gather_single(parts, x.detach().contiguous())
        return parts

    def sum(self, x):
        total = x.detach().clone()
        dist.all_reduce(total)
        return total
