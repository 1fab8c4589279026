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
    """Those of core/precision.py whose matrix products run on the device that is used."""
    kinds = {"fp32": ms.float32, "bf16": ms.bfloat16, "fp16": ms.float16}
    return [name for name, kind in kinds.items() if _multiplies(kind)]


def _multiplies(kind) -> bool:
    try:
        ones = ms.Tensor(np.ones((8, 8), np.float32)).astype(kind)
        return float(ms.ops.matmul(ones, ones).astype(ms.float32).sum().asnumpy()) == 512
    except (RuntimeError, TypeError):
        return False
