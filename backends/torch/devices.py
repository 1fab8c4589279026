"""What torch finds on this machine."""

import torch


def devices() -> list[str]:
    names = [f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]
    return [*names, f"cpu, {torch.get_num_threads()} threads"]
