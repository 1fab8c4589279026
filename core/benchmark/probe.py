"""A linear probe of features that are larger than memory: how long an iteration takes, and how much memory it needs."""

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tandemclip.core.benchmark.commands import memory
from tandemclip.core.benchmark.own_process import OwnProcess
from tandemclip.core.benchmark.report import Section
from tandemclip.core.evaluation.protocols.logistic_blocks import fit_in_blocks
from tandemclip.core.random import generator

WIDTH, CLASSES = 1024, 1000  # ImageNet's, by a tower such as CLIP's RN50
ITERATIONS = 3
BLOCK = 1 << 14  # rows drawn at a time
NOTE = (
    f"Random float32 features, {CLASSES:,} classes, {ITERATIONS} iterations of L-BFGS, features read from a file block "
    "by block, as `parametric_probe` does from 2 GiB on. The peak is that of the process, with those pages of the file "
    "that the system keeps in memory. `--probe-rows 1281167` is ImageNet."
)


@dataclass(frozen=True)
class Found:
    """seconds: of all iterations. peak: the most bytes that the process had; 0 where /proc does not tell."""

    rows: int
    seconds: float
    peak: int


def measure(rows: int) -> Found:
    """With that many features, which are removed again."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "features"
        write(file, rows)
        with OwnProcess(fitter, file, rows) as fitted:
            seconds, peak = fitted()
    return Found(rows, seconds, peak)


def write(file: Path, rows: int) -> None:
    """[rows, WIDTH] float32, block by block."""
    rng = generator("probe")
    with file.open("wb") as out:
        for start in range(0, rows, BLOCK):
            out.write(rng.standard_normal((min(BLOCK, rows - start), WIDTH), np.float32))


def fitter(file: Path, rows: int):
    """Made in a process of its own: nothing to tell, and what fits once -> (seconds, bytes at the peak)."""
    features = np.memmap(file, np.float32, "r", shape=(rows, WIDTH))
    places = np.arange(rows) % CLASSES

    def task() -> tuple[float, int]:
        begin = time.perf_counter()
        fit_in_blocks(features, places, 1.0, ITERATIONS)
        return time.perf_counter() - begin, memory(os.getsid(0)).get(os.getpid(), 0)

    return None, task


def section(found: Found) -> Section:
    row = (
        f"{found.rows:,} x {WIDTH:,}",
        f"{4 * found.rows * WIDTH / 2**30:.2f}",
        f"{found.seconds / ITERATIONS:.1f}",
        f"{found.peak / 2**30:.2f}",
    )
    return Section("A linear probe", NOTE, ("features", "GiB of them", "s an iteration", "GiB at the peak"), (row,))
