"""A training step of every engine, update included, beside what the machine's own matrix product achieves."""

import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle

from tandemclip.core.benchmark.interleave import interleaved
from tandemclip.core.benchmark.one_call import Given, OneCall, ready
from tandemclip.core.benchmark.own_process import OwnProcess
from tandemclip.core.benchmark.report import Section
from tandemclip.core.training import global_batch
from tandemclip.core.training.engine import Arrays, Engine, Rates
from tandemclip.core.training.update import UpdateRule

SIDE = 1024
PRODUCT = OneCall("matmul", (Given((SIDE, SIDE)), Given((SIDE, SIDE))))
PRODUCTS = 16  # at a time: the first ones after a standstill are slow
NOTE = (
    "Gradient and update of one batch, medians; the engines take turns, each in a process of its own. Ready: the first "
    f"step, compiling included. Share: of the rate of {SIDE} x {SIDE} float32 products on {{base}} in the same rounds, "
    "{rate:.1f} GFLOP/s. A step counts three times the forward's products and convolutions (backward: two), "
    "{flops:.3g} GFLOP on {base}, of texts without padding that nothing depends on, also where an engine computes it. "
    "An engine that encodes twice where a method chooses on the host is counted so."
)


@dataclass(frozen=True)
class Step:
    """Seconds of one: of all of it, of what the method chose on the host, and of the update; and those that the
    processor worked on it, of all threads together.

    memory: bytes of the device's own that its process has used at most so far; None on a CPU.
    """

    whole: float
    choice: float
    update: float
    worked: float
    memory: int | None = None


class Stepper:
    """Makes steps of one engine, again and again over the same batches and the phases of its method.

    choices: where the engine's method notes the seconds of its choices (`choice.timed`). memory: -> `Step.memory`.
    seconds: of the first step, which compiles.
    """

    def __init__(
        self, engine: Engine, batches: list[Arrays], rule: UpdateRule, rate: float, choices: list[float],
        memory: Callable[[], int | None] = lambda: None,
    ):  # fmt: skip
        self._engine, self._rule, self._rate, self._choices, self._memory = engine, rule, rate, choices, memory
        phases = engine.method.phases.values()
        self._places, self._count = zip(cycle(batches), cycle(phases)), 0
        begin = time.perf_counter()
        engine.prepare_update(global_batch.backward(engine, batches[0], next(iter(phases))))
        self.seconds = time.perf_counter() - begin

    def __call__(self) -> Step:
        self._count += 1
        self._choices.clear()
        begin, worked = time.perf_counter(), time.process_time()
        backward = global_batch.backward(self._engine, *next(self._places))
        middle = time.perf_counter()
        self._engine.update(backward, Rates(self._rate, *self._rule.corrections(self._count)))
        end = time.perf_counter()
        worked = time.process_time() - worked
        return Step(end - begin, sum(self._choices), end - middle, worked, self._memory())


@dataclass(frozen=True)
class Times:
    """Seconds by engine, the first of which is the base of ratios: of the first step, and of each of some more.

    product: of PRODUCTS matrix products, in the same rounds.
    """

    ready: dict[str, float]
    steps: dict[str, list[float]]
    product: list[float]


def product(engine_class) -> tuple[None, Callable]:
    """For `OwnProcess`: the matrix products that the share is of."""
    once = ready(engine_class, PRODUCT)

    def several():
        for _ in range(PRODUCTS):
            once()

    return None, several


def measure(make_product: OwnProcess, makers: dict[str, OwnProcess], rounds: int, done: Callable[[], None]) -> Times:
    """makers: of each engine's `Stepper`, which tell how many seconds its first step took."""
    with ExitStack() as running:
        steppers, first = {}, {}
        multiply = running.enter_context(make_product)
        for name, maker in makers.items():
            steppers[name] = running.enter_context(maker)
            first[name] = steppers[name].info
            done()
        names = {name: f"step of {name}" for name in steppers}
        times = interleaved(
            {"product": multiply} | {names[name]: stepper for name, stepper in steppers.items()}, rounds, done
        )
    return Times(first, {name: times[label] for name, label in names.items()}, times["product"])


def section(times: Times, batch_size: int, flops: dict[str, int]) -> Section:
    """flops: of a step of each engine, whole batch, gradient included."""
    base = next(iter(times.steps))
    rate = PRODUCTS * 2 * SIDE**3 / statistics.median(times.product)
    medians = {name: statistics.median(seconds) for name, seconds in times.steps.items()}
    rows = tuple(
        (
            name, f"{times.ready[name]:.1f} s", f"{1000 * seconds:.0f} ms", f"{batch_size / seconds:.1f}",
            f"{seconds / medians[base]:.2f}", f"{flops[name] / seconds / 1e9:.3g}",
            f"{flops[name] / seconds / rate:.0%}",
        )
        for name, seconds in medians.items()
    )  # fmt: skip
    columns = ("engine", "ready", "step", "samples/s", f"times {base}'s", "GFLOP/s", "share")
    return Section("A training step", NOTE.format(base=base, rate=rate / 1e9, flops=flops[base] / 1e9), columns, rows)
