"""The data pipeline by itself, against what a training step eats."""

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

from tandemclip.core.benchmark.interleave import interleaved
from tandemclip.core.benchmark.report import Section
from tandemclip.core.data.loading.loader import batches
from tandemclip.core.training.config import Config

WORKERS = (0, 1)
ROUNDS = 3
STEPS = 2  # of the engine in each round
NOTE = (
    "Reading, decoding, cropping and tokenising with nothing else running; a sample is decoded once, for all its "
    "views. Either way one core does it: a thread of this process, or one worker. Times a step: over the {eaten:.1f} "
    "samples/s of {name}'s step in the same rounds. Medians of {rounds}."
)


def arrivals(config: Config, tokenizer, workers: int, count: int) -> float:
    """Seconds from one batch to the next: from the arrival of the first, when the workers run, to that of the last of
    `count`.
    """
    stream = batches(
        config.data.train,
        config.method.views(),
        tokenizer,
        batch_size=config.training.batch_size,
        seed=config.training.seed,
        start_step=0,
        stop_step=count,
        workers=workers,
    )
    with stream:
        marks = [time.perf_counter() for _ in stream]
    return (marks[-1] - marks[0]) / (len(marks) - 1)


def measure(
    config: Config, tokenizer, step: Callable[[], None], batches_each: int, done: Callable[[], None]
) -> tuple[list[float], dict[int, list[float]]]:
    """Seconds of a step, and from batch to batch by the number of workers, in each round."""
    found: dict[int, list[float]] = {workers: [] for workers in WORKERS}

    def several():
        for _ in range(STEPS):
            step()

    def load(workers):
        found[workers].append(arrivals(config, tokenizer, workers, batches_each))

    tasks = {"step": several} | {str(workers): partial(load, workers) for workers in WORKERS}
    times = interleaved(tasks, ROUNDS, done)
    return [seconds / STEPS for seconds in times["step"]], found


def section(steps: list[float], found: dict[int, list[float]], name: str, batch_size: int, views: int) -> Section:
    """name: of the engine whose steps were timed. views: image views of a batch."""
    eaten = batch_size / statistics.median(steps)
    rows = tuple(_rows(eaten, found, batch_size, views))
    columns = ("data.workers", "samples/s a core", "image views/s a core", "times a step")
    return Section("The data pipeline", NOTE.format(eaten=eaten, name=name, rounds=len(steps)), columns, rows)


def _rows(eaten: float, found: dict[int, list[float]], batch_size: int, views: int) -> Iterator[tuple[str, ...]]:
    for workers, times in found.items():
        seconds = statistics.median(times)
        yield (
            str(workers),
            f"{batch_size / seconds:.0f}",
            f"{views / seconds:.0f}",
            f"{batch_size / seconds / eaten:.1f}",
        )
