"""The figures of a suite: a row for each metric, a column for each checkpoint, all held against the first one."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from tandemclip.core.evaluation.bootstrap import paired_interval
from tandemclip.core.evaluation.suites.plan import Entry, Plan
from tandemclip.core.evaluation.suites.results import Result, Results
from tandemclip.core.figures import NO_FIGURE, each_once


@dataclass(frozen=True)
class Difference:
    """To the first checkpoint on the same images, in points of percent; low, high: its 95% interval."""

    mean: float
    low: float
    high: float

    @property
    def told(self) -> str:
        return f"{self.mean:+.2f} [{self.low:+.2f}, {self.high:+.2f}]"


@dataclass(frozen=True)
class Figure:
    """In percent; None where there is no figure. low, high: the 95% interval. chance: what guessing gets, None where
    nobody says.
    """

    percent: float | None
    low: float | None
    high: float | None
    chance: float | None
    queries: int
    difference: Difference | None = None

    @property
    def known(self) -> bool:
        return None not in (self.percent, self.low, self.high)

    def told(self, interval: str) -> str:
        """interval: how the ends of the interval are written, e.g. " ({low:.2f} to {high:.2f})"."""
        if not self.known:
            return NO_FIGURE
        return f"{self.percent:.2f}" + interval.format(low=self.low, high=self.high)


@dataclass(frozen=True)
class Row:
    """A metric. headline: the one that stands for its protocol, of which alone the differences are known. figures: one
    for each checkpoint.
    """

    set_name: str
    title: str
    protocol: str
    metric: str
    headline: bool
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Mean:
    """Of the headlines of a protocol over its data sets, in percent, for each checkpoint; None where one of them has no
    figure.
    """

    protocol: str
    sets: int
    percent: tuple[float | None, ...]

    @property
    def told(self) -> list[str]:
        return [NO_FIGURE if each is None else f"{each:.2f}" for each in self.percent]


@dataclass(frozen=True)
class Measured:
    """An entry of the suite with what was measured: a result for each checkpoint, and the names of these."""

    entry: Entry
    results: tuple[Result, ...]
    names: tuple[str, ...]

    @property
    def headline(self) -> str:
        """The metric that papers report of the set; where the protocol gives another kind, its first."""
        names, wanted = self.results[0].metrics, self.entry.data_set.metric
        return wanted if wanted in names else names[0]

    def remarks(self) -> list[str]:
        """On the data, and on how it was measured: each once, with the checkpoints that it is on where not on all."""
        measured = {name: result.told["figures"]["remarks"] for name, result in zip(self.names, self.results)}
        return [*self.entry.data_set.remarks(self.entry.protocol), *each_once(measured)]

    def rows(self) -> Iterator[Row]:
        entry, headline = self.entry, self.headline
        for metric in self.results[0].metrics:
            figures = tuple(self._figure(number, metric, metric == headline) for number in range(len(self.results)))
            yield Row(entry.set_name, entry.data_set.title, entry.label, metric, metric == headline, figures)

    def _figure(self, number: int, metric: str, compared: bool) -> Figure:
        told = self.results[number].told["figures"]
        difference = self._difference(number, metric) if compared and number else None
        low, high = told["interval"][metric]
        return Figure(told[metric], low, high, told["chance"].get(metric), told["queries"][metric], difference)

    def _difference(self, number: int, metric: str) -> Difference | None:
        first, other = self.results[0], self.results[number]
        if None in (first.told["figures"][metric], other.told["figures"][metric]):
            return None
        low, high = paired_interval([[first.statistics[metric]]], [[other.statistics[metric]]])
        return Difference(other.told["figures"][metric] - first.told["figures"][metric], low, high)


@dataclass(frozen=True)
class Summary:
    """suite: its name. engine: what it was measured on."""

    suite: str
    engine: str
    plan: Plan
    measured: tuple[Measured, ...]
    rows: tuple[Row, ...]

    @property
    def names(self) -> list[str]:
        """Of the checkpoints."""
        return [candidate.name for candidate in self.plan.candidates]

    @property
    def headlines(self) -> list[Row]:
        return [row for row in self.rows if row.headline]

    def means(self) -> list[Mean]:
        """Of each protocol that several data sets have."""
        found: dict[str, list[Row]] = {}
        for row in self.headlines:
            found.setdefault(row.protocol, []).append(row)
        return [_mean(protocol, rows) for protocol, rows in found.items() if len(rows) > 1]

    def to_json(self) -> dict:
        return {
            "suite": self.suite,
            "engine": self.engine,
            "checkpoints": [
                {"name": each.name, "folder": str(each.folder), "step": each.step, "weights": each.weights}
                for each in self.plan.candidates
            ],
            "missing": self.plan.missing,
            "rows": [asdict(row) for row in self.rows],
            "means": [asdict(mean) for mean in self.means()],
            "remarks": [
                {"set": each.entry.set_name, "protocol": each.entry.label, "remarks": each.remarks()}
                for each in self.measured
                if each.remarks()
            ],
        }


def summarize(suite: str, engine: str, plan: Plan, results: Results) -> Summary:
    """Of a plan whose results are all there."""
    tasks = iter(plan.tasks)
    by_candidate = [[results.load(next(tasks)) for _ in plan.entries] for _ in plan.candidates]
    names = tuple(each.name for each in plan.candidates)
    measured = tuple(Measured(entry, of_each, names) for entry, of_each in zip(plan.entries, zip(*by_candidate)))
    return Summary(suite, engine, plan, measured, tuple(row for each in measured for row in each.rows()))


def _mean(protocol: str, rows: list[Row]) -> Mean:
    columns = zip(*([figure.percent for figure in row.figures] for row in rows))
    return Mean(protocol, len(rows), tuple(None if None in each else statistics.mean(each) for each in columns))
