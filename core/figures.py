"""What is told of metrics: a figure beside what guessing would get, how many queries it rests on, and how sure it is.

A figure alone means little: 10% of ten classes is nothing, and 100% of one class is nothing either. Some data give no
figure, such as an area under the curve where all pictures are of one class.
"""

import math
from collections.abc import Iterable, Mapping

from tandemclip.core.statistic import Statistic, percent

NO_FIGURE = "no figure"
CANNOT_FAIL = "the figure could not have come out otherwise, as guessing alone gives 100%"


def lines(metrics: dict[str, Statistic]) -> list[str]:
    """For people: a line for each metric, then one for each remark."""
    return [*(line(name, each) for name, each in metrics.items()), *(f"remark: {told}" for told in remarks(metrics))]


def line(name: str, each: Statistic) -> str:
    low, high = each.interval
    guessing = "" if each.guessing is None else f"chance {100 * each.guessing:.2f}%, "
    sure = "" if math.isnan(low) else f", 95%: {100 * low:.2f} to {100 * high:.2f}"
    return f"{name}: {figure(each)} ({guessing}{each.queries:,} queries{sure})"


def figure(each: Statistic) -> str:
    return in_percent(100 * each.share)


def in_percent(percent: float) -> str:
    return NO_FIGURE if math.isnan(percent) else f"{percent:.2f}%"


def to_json(metrics: dict[str, Statistic]) -> dict:
    """{metric: percent ..., "chance", "queries", "interval": {metric: ...}, "remarks": [sentences]}; all in percent.

    What has no figure is None, as JSON has no NaN.
    """
    found = {name: _known(value) for name, value in percent(metrics).items()}
    intervals = {name: [_known(100 * end) for end in each.interval] for name, each in metrics.items()}
    return {**found, **rows(metrics), "interval": intervals, "remarks": remarks(metrics)}


def _known(figure: float) -> float | None:
    return None if math.isnan(figure) else figure


def rows(metrics: dict[str, Statistic]) -> dict[str, dict[str, float]]:
    """{"chance": {metric: percent}, "queries": {metric: how many}}, for a row of the journal."""
    known = {name: each.guessing for name, each in metrics.items()}
    chance = {name: 100 * guessing for name, guessing in known.items() if guessing is not None}
    return {"chance": chance, "queries": {name: each.queries for name, each in metrics.items()}}


def remarks(metrics: dict[str, Statistic]) -> list[str]:
    """Each once, behind the names of the metrics that it is of where it is not of all."""
    cannot_fail = {name: [CANNOT_FAIL] if each.told_by_guessing else [] for name, each in metrics.items()}
    return each_once({name: [*each.remarks, *cannot_fail[name]] for name, each in metrics.items()})


def each_once(by_name: Mapping[str, Iterable[str]]) -> list[str]:
    """{what: the remarks on it} -> each remark once, behind the names of what it is on where it is not on all."""
    found: dict[str, list[str]] = {}
    for name, told in by_name.items():
        for remark in dict.fromkeys(told):
            found.setdefault(remark, []).append(name)
    return [r if len(names) == len(by_name) else f"{', '.join(names)}: {r}" for r, names in found.items()]


def at_chance(metrics: dict[str, Statistic]) -> str | None:
    """One sentence that names the metrics that are no better than guessing; None where each is better."""
    names = [n for n, each in metrics.items() if each.no_better_than_guessing and not each.told_by_guessing]
    if not names:
        return None
    several = "is" if len(names) == 1 else "are"
    return f"{', '.join(names)} {several} no better than guessing: the 95% interval reaches down to the chance level"
