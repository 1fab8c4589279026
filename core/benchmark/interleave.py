"""Interleaved timing: absolute times drift on a shared machine, ratios within one round much less."""

import time
from collections.abc import Callable


def interleaved(
    tasks: dict[str, Callable[[], object]], rounds: int, done: Callable[[], None]
) -> dict[str, list[float]]:
    """{task: seconds by round}: in each round every task runs once, one after another.

    Every second round goes backwards, so that nobody always follows the same one.
    """
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(rounds):
        for name in list(tasks)[:: -1 if number % 2 else 1]:
            begin = time.perf_counter()
            tasks[name]()
            times[name].append(time.perf_counter() - begin)
        done()
    return times
