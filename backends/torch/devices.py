"""What torch finds on this machine."""

import torch

from tandemclip.backends.torch.ranks import best_device


def devices() -> list[str]:
    names = [f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]
    return [*names, f"cpu, {torch.get_num_threads()} threads"]


def precisions() -> list[str]:
    """Those of core/precision.py whose matrix products run on the device that is used."""
    kinds = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    return [name for name, kind in kinds.items() if _multiplies(kind)]


def _multiplies(kind) -> bool:
    try:
        ones = torch.ones((8, 8), dtype=kind, device=best_device())
        return (ones @ ones).sum().item() == 512
    except RuntimeError:
        return False
