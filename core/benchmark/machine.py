"""The machine that figures are from, by what makes them: not its name, which is nobody's business."""

import os
import platform
from datetime import datetime
from pathlib import Path

from tandemclip.core.console.versions import installed

BUSY = 0.5  # load average a core, from which on figures are off


def describe(packages: list[str], load: float, now: datetime) -> str:
    """One line. load: the average of the last minute, before the benchmark itself made any."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {installed(name) or 'not installed'}" for name in packages)
    return (
        f"{_processor(Path('/proc/cpuinfo'))}, {os.cpu_count()} cores, {memory:.0f} GiB; "
        f"Python {platform.python_version()}, {versions}; "
        f"OMP_NUM_THREADS {os.environ.get('OMP_NUM_THREADS', 'not set')}; {now:%Y-%m-%d}, load average {load:.2f} at "
        "the start"
    )


def warning(load: float, cores: int) -> str | None:
    if load <= BUSY * cores:
        return None
    return (
        f"Warning: the load average was {load:.2f} on {cores} cores at the start: "
        "something else ran, the figures are off."
    )


def _processor(cpuinfo: Path) -> str:
    """Its model's name; the architecture where that is not told (ARM)."""
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
