"""From the start of `tools/train.py` to the end of its first step, and the memory that takes."""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tandemclip.core.benchmark.commands import memory, output
from tandemclip.core.benchmark.report import Section

FIRST = "step 1/"  # how core/training/progress.py begins the line of the first step
NOTE = (
    "`tandemclip train`, once: from the start of the process to the end of its first step (imports, index, vocabulary, "
    "weights, compiling, workers). Memory: the most that the process, and that all its loading workers together, held "
    "until then."
)


@dataclass(frozen=True)
class Start:
    """seconds: to the end of the first step. own, workers: peak bytes of the process and, added up, of those it
    started; 0 where /proc does not tell."""

    seconds: float
    own: int
    workers: int


def measure(config: Path, overrides: list[str], engines: list[str], done: Callable[[], None]) -> dict[str, Start]:
    found = {}
    for name in engines:
        found[name] = first_step(config, overrides, name)
        done()
    return found


def first_step(config: Path, overrides: list[str], engine: str) -> Start:
    found = []

    def seen(pid, seconds, line):
        if line.startswith(FIRST):
            held = memory(pid)
            own = held.pop(pid, 0)
            found.append(Start(seconds, own, sum(held.values())))
        return bool(found)

    command = [sys.executable, "-u", "-m", "tandemclip.tools.train", "--config", str(config), "--backend", engine]
    with tempfile.TemporaryDirectory(prefix="tandemclip_") as folder:
        output([*command, "--out", f"{folder}/run", "--set", *overrides, "data.evaluate=null"], seen)
    return found[0]


def section(found: dict[str, Start]) -> Section:
    mebibytes = lambda size: f"{size / 2**20:.0f} MiB" if size else "-"
    rows = tuple(
        (name, f"{start.seconds:.1f} s", mebibytes(start.own), mebibytes(start.workers))
        for name, start in found.items()
    )
    return Section("Start and memory", NOTE, ("engine", "first step done after", "peak memory", "of its workers"), rows)
