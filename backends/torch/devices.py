"""What torch finds on this machine."""

import torch

from tandemclip.backends.torch.ranks import best_device


def devices() -> list[str]:
    names = [f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]
    return [*names, f"cpu, {torch.get_num_threads()} threads"]


def precisions() -> list[str]:
    """The types in which a matrix product runs on the device that is used."""
    return [name for name in ("float32", "float16", "bfloat16") if _multiplies(getattr(torch, name))]


def _multiplies(kind) -> bool:
    try:
        ones = torch.ones((8, 8), dtype=kind, device=best_device())
        return (ones @ ones).sum().item() == 512
    except RuntimeError:
        return False
