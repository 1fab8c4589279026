"""A suite's figures in Markdown."""

from __future__ import annotations

from tandemclip.core.console.markdown import plain, table
from tandemclip.core.evaluation.suites.report.summary import Figure, Row, Summary

NOTE = (
    "In percent, with 95% intervals for other images of the same kind. In brackets: the difference to {first} on the "
    "same images, and its 95% interval (`core/evaluation/bootstrap.py`)."
)


def page(summary: Summary) -> str:
    first, *others = summary.names
    parts = [
        f"# {plain(summary.suite)}",
        *([plain(f"Passed over: {', '.join(summary.plan.missing)}.")] if summary.plan.missing else []),
        table(["data set", "protocol", "metric", "chance", *summary.names], [_row(row) for row in summary.headlines]),
    ]
    if means := summary.means():
        head = ["mean of", "data sets", *summary.names]
        parts.append(table(head, [[m.protocol, str(m.sets), *m.told] for m in means]))
    parts.append(NOTE.format(first=plain(first)) if others else NOTE.partition(" In brackets")[0])
    more = [row for row in summary.rows if not row.headline]
    if more:
        parts += [
            "## Further metrics",
            table(["data set", "protocol", "metric", "chance", *summary.names], [*map(_row, more)]),
        ]
    told = [
        plain(f"- {m.entry.data_set.title}, {m.entry.label}: {remark}")
        for m in summary.measured
        for remark in m.remarks()
    ]
    if told:
        parts += ["## Remarks", "\n".join(told)]
    parts.append(f"Measured by {summary.engine}.")
    return "\n\n".join(parts) + "\n"


def _row(row: Row) -> list[str]:
    chance = row.figures[0].chance
    told = "" if chance is None else f"{chance:.2f}"
    return [row.title, row.protocol, row.metric, told, *map(_figure, row.figures)]


def _figure(figure: Figure) -> str:
    between = "" if figure.difference is None else f" ({figure.difference.told})"
    return figure.told(" [{low:.2f}, {high:.2f}]") + between
