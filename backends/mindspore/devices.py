"""What MindSpore finds on this machine, and which of it this process uses."""

from pathlib import Path

import mindspore as ms
from mindspore import device_context

from tandemclip.backends.mindspore import log as own_log
from tandemclip.core.errors import UserError

TARGETS = {"cpu": "CPU", "npu": "Ascend"}  # as others call them: as MindSpore does


def devices() -> list[str]:
    """Of the kind that MindSpore uses: asking for the others prints what their libraries lack."""
    target = ms.get_context("device_target")
    return [f"{target} {i}" for i in range(_context(target).device_count())]


def use(name: str | None, log: Path | None = None) -> None:
    """Compute on this device: "cpu", "npu", "npu:1"; None: what MindSpore takes.

    Before ops.py is imported, which goes round kernels that are missing on a CPU.

    log: the folder where what MindSpore says of compiling goes; None: nowhere.
    Raises UserError for a device that is not there.
    """
    own_log.write_to(log)
    if name is None:
        return
    kind, _, number = name.partition(":")
    target = TARGETS.get(kind)
    try:
        if target is None or int(number or 0) >= _context(target).device_count():
            raise ValueError
        if _is_used(target, number):  # MindSpore refuses to be told again, once anything was computed
            return
        ms.set_device(target, *([int(number)] if number else []))
    except (AttributeError, RuntimeError, ValueError) as error:
        raise UserError(f"--device {name} is not there; MindSpore finds {', '.join(devices())}") from error


def used() -> str:
    return f"{ms.get_context('device_target')} {ms.get_context('device_id')}; {own_log.told()}"


def peak_memory() -> int | None:
    """Bytes of the device's memory that this process's tensors took at most so far; None on a CPU."""
    return None if ms.get_context("device_target") == "CPU" else ms.runtime.max_memory_allocated()


def _is_used(target: str, number: str) -> bool:
    return ms.get_context("device_target") == target and number in ("", str(ms.get_context("device_id")))


def _context(target: str):
    return getattr(device_context, target.lower())
