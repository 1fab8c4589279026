"""Image towers at inference beside each other: pictures a second of one core."""

import os
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from tandemclip.core.benchmark.interleave import interleaved
from tandemclip.core.benchmark.own_process import OwnProcess
from tandemclip.core.benchmark.report import Section, ratio
from tandemclip.core.random import generator
from tandemclip.core.spec import initial_weights
from tandemclip.core.towers.tower import ImageTower
from tandemclip.core.training.update import AdamW

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
NOTE = (
    "{batch} pictures at once of {pixels} px, float32, {engine} with one thread, medians of {rounds}; towers take "
    "turns, each in a process of its own. A second is one of CPU time, without waits on a busy machine. Ratios: of "
    "the two in one round, median and extremes. GFLOPs: two for each multiply-add of products and convolutions."
)


@dataclass(frozen=True)
class Size:
    """flops: of one picture."""

    parameters: int
    flops: int


def encoder(load: Callable, name: str, tower: ImageTower, batch: int) -> tuple[float, Callable]:
    """For `OwnProcess`: a tower on one engine, with one thread; a call gives its CPU seconds.

    load: gives the engine's class by its name.
    """
    os.environ.update(ONE_THREAD)  # before the engine is loaded, which reads them
    engine_class = load(name)
    engine_class.join()  # as the tools begin: torch then keeps what it frees, twice as fast for MobileNet
    engine = engine_class(tower, initial_weights(tower, 0), AdamW())
    images = generator("towers").standard_normal((batch, 3, tower.resolution, tower.resolution), "float32")

    def seconds() -> float:
        begin = time.process_time()
        engine.apply("forward", images)
        return time.process_time() - begin

    return seconds(), seconds


def measure(makers: dict[str, OwnProcess], rounds: int, done: Callable[[], None]) -> dict[str, list[float]]:
    """makers: of each tower's `encoder`. CPU seconds of each in each round."""
    with ExitStack() as running:
        encoders = {name: running.enter_context(maker) for name, maker in makers.items()}
        found = {name: [] for name in encoders}
        interleaved({name: lambda name=name: found[name].append(encoders[name]()) for name in encoders}, rounds, done)
    return found


def section(
    times: dict[str, list[float]],
    sizes: dict[str, Size],
    bases: tuple[str, ...],
    *,
    batch: int,
    pixels: int,
    engine: str,
) -> Section:
    """bases: the towers that the others are compared with."""
    rows = tuple(
        (
            name, f"{sizes[name].parameters / 1e6:.2f} M", f"{sizes[name].flops / 1e9:.2f}",
            f"{batch / statistics.median(seconds):.1f}", *(ratio(times[base], seconds) for base in bases),
        )
        for name, seconds in times.items()
    )  # fmt: skip
    columns = ("tower", "parameters", "GFLOPs an image", "images/s", *(f"times {base}'s" for base in bases))
    note = NOTE.format(batch=batch, pixels=pixels, engine=engine, rounds=len(next(iter(times.values()))))
    return Section("Image towers at inference", note, columns, rows)
