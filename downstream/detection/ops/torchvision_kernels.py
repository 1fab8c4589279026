"""torchvision's compiled kernels, where they can be used."""

import sys
import warnings
from functools import cache

import torch


@cache
def hide_broken_torchvision() -> None:
    """A torchvision that is installed and fails to import counts as not installed, for everybody in this process.

    A torchvision that was built for another torch raises RuntimeError when it is imported. mmengine's list of the
    environment, which every Runner logs, expects ModuleNotFoundError alone and would stop the run.
    """
    try:
        import torchvision  # noqa: F401
    except ModuleNotFoundError:
        pass
    except Exception as error:
        sys.modules["torchvision"] = None  # from now on `import torchvision` raises ModuleNotFoundError
        warnings.warn(
            f"torchvision is taken as not installed, because it cannot be imported ({type(error).__name__}: {error})",
            stacklevel=2,
        )


@cache
def cuda_kernels():
    """`torch.ops.torchvision` where it has kernels for CUDA, else None, which is said once because it costs time."""
    hide_broken_torchvision()
    try:
        import torchvision  # noqa: F401

        # Raises RuntimeError where the op is not known at all.
        if torch._C._dispatch_has_kernel_for_dispatch_key("torchvision::nms", "CUDA"):
            return torch.ops.torchvision
    except (ModuleNotFoundError, RuntimeError):
        pass
    warnings.warn(
        "torchvision has no kernels for CUDA here, so that RoIAlign and NMS run in plain torch, which is slow: install "
        f"the torchvision that belongs to torch {torch.__version__}",
        stacklevel=2,
    )
    return None
