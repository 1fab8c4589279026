"""Times of a training step of several configurations, on every engine: what a method costs more than another."""

import statistics
from collections.abc import Callable
from contextlib import ExitStack

from tandemclip.core.benchmark.interleave import interleaved
from tandemclip.core.benchmark.own_process import OwnProcess
from tandemclip.core.benchmark.report import Section, ratio

NOTE = (
    "Gradient and update of one batch, medians of {rounds}; configurations of one engine take turns, each in a process "
    "of its own. Ratio: of the two in one round, median and extremes."
)
LEFT_OUT = Section("Configurations compared", "left out: name the others with --others.")


def measure(makers: dict[str, OwnProcess], rounds: int, done: Callable[[], None]) -> dict[str, list[float]]:
    """makers: of the `Stepper` of each configuration on one engine. Seconds of each in each round."""
    with ExitStack() as running:
        return interleaved({name: running.enter_context(maker) for name, maker in makers.items()}, rounds, done)


def section(found: dict[str, dict[str, list[float]]]) -> Section:
    """found: {engine: {configuration: seconds by round}}; the first configuration is the base of ratios."""
    rows = []
    for engine, times in found.items():
        base = next(iter(times.values()))
        rows += [
            (engine, name, f"{1000 * statistics.median(own):.0f} ms", ratio(own, base)) for name, own in times.items()
        ]
    return Section(
        LEFT_OUT.title, NOTE.format(rounds=len(base)), ("engine", "configuration", "step", "ratio"), tuple(rows)
    )
