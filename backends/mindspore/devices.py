"""What MindSpore finds on this machine."""

import mindspore as ms
from mindspore import device_context


def devices() -> list[str]:
    """Of the kind that MindSpore uses: asking for the others prints what their libraries lack."""
    target = ms.get_context("device_target")
    kind = getattr(device_context, target.lower())
    return [f"{target} {i}" for i in range(kind.device_count())]
