"""What is told of metrics: a figure beside what guessing would get, how many queries it rests on, and how sure it is.

A figure alone means little: 10% of ten classes is nothing, and 100% of one class is nothing either.
"""

from tandemclip.core.hits import Hits, percent

CANNOT_FAIL = "the figure could not have come out otherwise, as guessing alone gives 100%"


def lines(metrics: dict[str, Hits]) -> list[str]:
    """For people: a line for each metric, then one for each remark."""
    return [*(line(name, hits) for name, hits in metrics.items()), *(f"remark: {each}" for each in remarks(metrics))]


def line(name: str, hits: Hits) -> str:
    low, high = hits.interval
    guessing = "" if hits.guessing is None else f"chance {100 * hits.guessing:.2f}%, "
    sure = f"95%: {100 * low:.2f} to {100 * high:.2f}"
    return f"{name}: {100 * hits.share:.2f}% ({guessing}{hits.queries:,} queries, {sure})"


def to_json(metrics: dict[str, Hits]) -> dict:
    """{metric: percent ..., "chance", "queries", "interval": {metric: ...}, "remarks": [sentences]}; all in percent."""
    intervals = {name: [100 * end for end in hits.interval] for name, hits in metrics.items()}
    return {**percent(metrics), **rows(metrics), "interval": intervals, "remarks": remarks(metrics)}


def rows(metrics: dict[str, Hits]) -> dict[str, dict[str, float]]:
    """{"chance": {metric: percent}, "queries": {metric: how many}}, for a row of the journal."""
    known = {name: hits.guessing for name, hits in metrics.items()}
    chance = {name: 100 * guessing for name, guessing in known.items() if guessing is not None}
    return {"chance": chance, "queries": {name: hits.queries for name, hits in metrics.items()}}


def remarks(metrics: dict[str, Hits]) -> list[str]:
    """Each once, behind the names of the metrics that it is of where it is not of all."""
    found: dict[str, list[str]] = {}
    for name, hits in metrics.items():
        for remark in (*hits.remarks, *([CANNOT_FAIL] if hits.told_by_guessing else [])):
            found.setdefault(remark, []).append(name)
    return [r if len(names) == len(metrics) else f"{', '.join(names)}: {r}" for r, names in found.items()]


def at_chance(metrics: dict[str, Hits]) -> str | None:
    """One sentence that names the metrics that are no better than guessing; None where each is better."""
    names = [n for n, hits in metrics.items() if hits.no_better_than_guessing and not hits.told_by_guessing]
    if not names:
        return None
    several = "is" if len(names) == 1 else "are"
    return (
        f"{', '.join(names)} {several} no better than guessing: the 95% interval reaches down to the chance level; "
        "train longer, evaluate on more images, or see whether the set-up can learn at all by --overfit 128"
    )
