"""Times of a training step of several configurations, on every engine: what a method costs more than another, and how
much of that its arithmetic explains.
"""

import statistics
from collections.abc import Callable
from contextlib import ExitStack

from tandemclip.core.benchmark.interleave import interleaved
from tandemclip.core.benchmark.own_process import OwnProcess
from tandemclip.core.benchmark.report import Section, ratio
from tandemclip.core.benchmark.steps import Step

COLUMNS = (
    "engine", "configuration", "step", "ratio", "ratio of CPU time", "ratio of FLOPs", "over that", "choice", "update",
    "memory",
)  # fmt: skip
NOTE = (
    "Gradient and update of one batch, medians of {rounds}; configurations of one engine take turns, each in a process "
    "of its own. Ratio: of the two in one round, median and extremes. Of CPU time: without waits on a busy machine; "
    "it wants OMP_NUM_THREADS=1, for threads that wait for others count as working. FLOPs: three times those of a "
    "training forward, and one more encoding where an engine encodes twice. Over that: the median ratio of CPU time by "
    "the ratio of FLOPs. Choice, update: of the step's time, what the method chooses on the host (a matching), and the "
    "optimiser, which no FLOP counts and which grows with the parameters. Memory: of a GPU or an NPU, for tensors, at "
    "most; there CPU time says little, and a step's time is what counts."
)
Rounds = dict[str, dict[str, list[Step]]]  # {engine: {configuration: a step of each round}}


def measure(makers: dict[str, OwnProcess], rounds: int, done: Callable[[], None]) -> dict[str, list[Step]]:
    """makers: of the `Stepper` of each configuration on one engine. A step of each in each round."""
    found: dict[str, list[Step]] = {name: [] for name in makers}
    with ExitStack() as running:
        steppers = {name: running.enter_context(maker) for name, maker in makers.items()}
        interleaved({name: lambda name=name: found[name].append(steppers[name]()) for name in makers}, rounds, done)
    return found


def section(found: Rounds, flops: dict[str, dict[str, int]]) -> Section:
    """flops: of a step, by engine and configuration. The first configuration is the base of ratios."""
    rows = []
    for engine, configurations in found.items():
        base = next(iter(configurations))
        for name, steps in configurations.items():
            work = flops[engine][name] / flops[engine][base]
            rows.append((engine, name, *_times(steps, configurations[base], work)))
    return Section("Configurations compared", NOTE.format(rounds=len(steps)), COLUMNS, tuple(rows))


def _times(steps: list[Step], base: list[Step], work: float) -> tuple[str, ...]:
    whole, worked = ([[getattr(step, kind) for step in each] for each in (steps, base)] for kind in ("whole", "worked"))
    over = statistics.median(one / other for one, other in zip(*worked)) / work
    share = lambda part: f"{statistics.median(getattr(step, part) / step.whole for step in steps):.1%}"
    step = f"{1000 * statistics.median(whole[0]):.0f} ms"
    memory = "-" if steps[-1].memory is None else f"{steps[-1].memory / 2**30:.2f} GiB"
    return step, ratio(*whole), ratio(*worked), f"{work:.2f}", f"{over:.2f}", share("choice"), share("update"), memory
