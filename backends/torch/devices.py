"""What torch finds on this machine, and which of it this process uses."""

import os
from pathlib import Path

import torch

from tandemclip.core.errors import UserError

_chosen: str | None = None


def devices() -> list[str]:
    names = [_named(f"cuda:{i}") for i in range(torch.cuda.device_count())]
    return [*names, _named("cpu")]


def use(name: str | None, log: Path | None = None) -> None:
    """Compute on this device from now on; None: on a GPU where there are any. Ranks take one each of "cuda".

    log: torch prints nothing of its own. Raises UserError for a device that is not there.
    """
    global _chosen
    if name is not None:
        _check(name)
    _chosen = name


def device() -> str:
    """The one that this process uses: this rank's GPU where there are any."""
    kind = _chosen or ("cuda" if torch.cuda.is_available() else "cpu")
    return kind if ":" in kind or kind == "cpu" else f"{kind}:{os.environ.get('LOCAL_RANK', 0)}"


def used() -> str:
    return _named(device())


def peak_memory() -> int | None:
    """Bytes of the GPU's memory that this process's tensors took at most so far; None on a CPU."""
    return torch.cuda.max_memory_allocated(device()) if device().startswith("cuda") else None


def _check(name: str) -> None:
    try:
        asked = torch.device(name)
    except RuntimeError:  # of what is no kind of device
        asked = None
    if asked is None or not _is_there(asked):
        raise UserError(f"--device {name} is not there; torch finds {', '.join(devices())}")
    ranks = int(os.environ.get("WORLD_SIZE", 1))
    if asked.index is not None and ranks > 1:
        raise UserError(
            f"--device {name} is one device and there are {ranks} ranks; give {asked.type}: each takes its own"
        )


def _is_there(asked: torch.device) -> bool:
    if asked.type == "cpu":
        return not asked.index
    there = torch.accelerator.current_accelerator()
    return there is not None and there.type == asked.type and (asked.index or 0) < torch.accelerator.device_count()


def _named(name: str) -> str:
    if name == "cpu":
        return f"cpu, {torch.get_num_threads()} threads"
    return f"{name} {torch.cuda.get_device_name(name)}" if name.startswith("cuda") else name
