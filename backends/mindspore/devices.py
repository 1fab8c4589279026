"""What MindSpore finds on this machine."""

import mindspore as ms
import numpy as np
from mindspore import device_context


def devices() -> list[str]:
    """Of the kind that MindSpore uses: asking for the others prints what their libraries lack."""
    target = ms.get_context("device_target")
    kind = getattr(device_context, target.lower())
    return [f"{target} {i}" for i in range(kind.device_count())]


def precisions() -> list[str]:
    """The types in which a matrix product runs on the device that is used."""
    return [name for name in ("float32", "float16", "bfloat16") if _multiplies(getattr(ms, name))]


def _multiplies(kind) -> bool:
    try:
        ones = ms.Tensor(np.ones((8, 8), np.float32)).astype(kind)
        return float(ms.ops.matmul(ones, ones).astype(ms.float32).sum().asnumpy()) == 512
    except (RuntimeError, TypeError):
        return False
