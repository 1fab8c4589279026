"""Which operators make one engine slower than another: every distinct call of a step, by itself."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tandemclip.core.benchmark.interleave import interleaved
from tandemclip.core.benchmark.one_call import Given, OneCall, ready
from tandemclip.core.benchmark.report import Section

SHOWN = 10
EMPTY = OneCall("stop_gradient", (Given((2, 2)),))  # what calling an engine and reading one element cost
LEFT_OUT = Section("What costs the slower engine", "left out: it takes two engines, and one is installed.")
NOTE = (
    "Forward only: every distinct call of the recorded step by itself, in float32, compiled where the engine compiles; "
    "milliseconds a step: the shortest of {rounds} less what an empty call takes, times the number of such calls. The "
    "backward has kernels of its own, about twice the work. `core/ops.py` says what each call does."
)


@dataclass(frozen=True)
class Cost:
    """seconds: of all `count` calls, by engine."""

    call: str
    count: int
    seconds: dict[str, float]


def distinct(calls: Iterable) -> list[tuple[OneCall, int]]:
    """The recorder's calls as (one of them, how many are like it)."""
    ones = [OneCall.of(call) for call in calls]
    counts = Counter(map(repr, ones))  # a slice among the arguments has no hash
    return [(one, counts[text]) for text, one in {repr(one): one for one in ones}.items()]


def measure(
    calls: list[tuple[OneCall, int]], engine_classes: dict[str, type], rounds: int, done: Callable[[], None]
) -> list[Cost]:
    empty = _shortest(EMPTY, engine_classes, rounds)
    costs = []
    for call, count in calls:
        seconds = _shortest(call, engine_classes, rounds)
        costs.append(Cost(str(call), count, {name: count * max(0.0, s - empty[name]) for name, s in seconds.items()}))
        done()
    return costs


def _shortest(call: OneCall, engine_classes: dict[str, type], rounds: int) -> dict[str, float]:
    tasks = {name: ready(engine_class, call) for name, engine_class in engine_classes.items()}
    return {name: min(seconds) for name, seconds in interleaved(tasks, rounds, lambda: None).items()}


def section(costs: list[Cost], rounds: int) -> Section:
    """The calls in which the last engine loses most against the first one."""
    first, *_, last = costs[0].seconds
    loss = lambda cost: cost.seconds[last] - cost.seconds[first]
    every = Cost(
        f"all {len(costs)}", sum(c.count for c in costs), {n: sum(c.seconds[n] for c in costs) for n in (first, last)}
    )
    rows = tuple(
        (
            cost.call,
            str(cost.count),
            *(f"{1000 * cost.seconds[name]:.1f}" for name in (first, last)),
            f"{1000 * loss(cost):+.1f}",
        )
        for cost in [*sorted(costs, key=loss, reverse=True)[:SHOWN], every]
    )
    return Section(f"What costs {last}", NOTE.format(rounds=rounds), ("call", "times", first, last, "difference"), rows)
