"""A suite as one HTML page that asks for nothing from anywhere: pictures, style and all lie within it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import tandemclip
from tandemclip.core.evaluation.suites.report import classes, intervals, searches
from tandemclip.core.evaluation.suites.report.markup import document, tag
from tandemclip.core.evaluation.suites.report.summary import Figure, Measured, Row, Summary
from tandemclip.core.evaluation.suites.report.terms import explained
from tandemclip.core.figures import NO_FIGURE

PANELS = {"classes": classes.panel, "texts": searches.found_texts, "pictures": searches.found_pictures}
STYLE = Path(__file__).with_name("style.css")


def page(summary: Summary) -> bytes:
    title = f"{summary.suite}: {', '.join(summary.names)}"
    sets: dict[str, list[Measured]] = {}
    for measured in summary.measured:
        sets.setdefault(measured.entry.set_name, []).append(measured)
    return document(
        title,
        STYLE.read_text(),
        tag("h1", summary.suite),
        *_head(summary),
        _figures(summary),
        _means(summary),
        _terms(summary),
        *(part for name, several in sets.items() for part in _set(summary, name, several)),
    )


def _head(summary: Summary) -> list[ET.Element]:
    rows = [
        tag("tr", tag("th", each.name), tag("td", f"step {each.step:,}"), tag("td", f"weights {each.weights[:12]}"))
        for each in summary.plan.candidates
    ]
    missing = summary.plan.missing
    passed = [tag("p", f"Passed over, as the data are not there: {', '.join(missing)}.")] if missing else []
    by = f"Measured by {summary.engine}, TandemCLIP {tandemclip.__version__}."
    return [tag("table", *rows, class_="small"), *passed, tag("p", by, class_="small")]


def _figures(summary: Summary) -> ET.Element:
    first, *others = summary.names
    note = (
        "In percent. The blue bar is the 95% interval for other images of the same kind, the orange tick what guessing"
    )
    note += " gets; the line goes from 0 to the number at its end, which is the same for a row."
    if others:
        note += f" Below: the difference to {first} on the same images, and its 95% interval; in colour where that is"
        note += " clear of 0."
    head = tag("tr", *(tag("th", each) for each in ("data set", "protocol", "metric", *summary.names)))
    rows = [
        tag(
            "tr",
            tag("th", tag("a", row.title, href=f"#{row.set_name}")),
            tag("td", row.protocol),
            tag("td", row.metric),
            *(tag("td", *_figure(figure, intervals.scale(row.figures))) for figure in row.figures),
        )
        for row in summary.headlines
    ]
    return tag("div", tag("table", head, *rows, class_="figures"), tag("p", note, class_="small"))


def _means(summary: Summary) -> ET.Element | None:
    rows = [
        tag(
            "tr",
            tag("th", f"mean of {mean.protocol}"),
            tag("td", f"{mean.sets} data sets"),
            *(tag("td", each) for each in mean.told),
        )
        for mean in summary.means()
    ]
    head = tag("tr", tag("th"), tag("th"), *(tag("th", name) for name in summary.names))
    return tag("table", head, *rows, class_="figures") if rows else None


def _terms(summary: Summary) -> ET.Element:
    """What the words of the tables mean."""
    words = explained(word for row in summary.rows for word in (row.protocol, row.metric))
    rows = [tag("tr", tag("th", word), tag("td", meaning)) for word, meaning in words.items()]
    return tag("details", tag("summary", "What the words mean"), tag("table", *rows, class_="small"))


def _figure(figure: Figure, end: float) -> list[ET.Element]:
    """end: of the scale that its interval is drawn on."""
    if not figure.known:
        return [tag("span", NO_FIGURE, class_="small")]
    told = f"95%: {figure.low:.2f} to {figure.high:.2f}, {figure.queries:,} queries"
    parts = [tag("span", f"{figure.percent:.2f}", title=told), intervals.drawn(figure, end)]
    if figure.difference is not None:
        clear = figure.difference.low > 0 or figure.difference.high < 0
        kind = ("better" if figure.difference.mean > 0 else "worse") if clear else ""
        parts.append(tag("span", figure.difference.told, class_=f"small {kind}".strip()))
    return parts


def _set(summary: Summary, name: str, several: list[Measured]) -> list[ET.Element]:
    data_set = several[0].entry.data_set
    accounts = several[0].results[0].told["accounts"]
    read = "; ".join(f"{each['of']}: {each['read']:,} of {each['all']:,} {each['unit']} read" for each in accounts)
    parts = [tag("h2", data_set.title, id=name), tag("p", read, class_="small")]
    for measured in several:
        parts += [tag("h3", measured.entry.label), _metrics(summary, [*measured.rows()])]
        parts += [tag("p", remark, class_="small") for remark in measured.remarks()]
        parts += _answers(summary, measured)
    return parts


def _answers(summary: Summary, measured: Measured) -> list[ET.Element]:
    """What the models answered, by the metrics that rest on it."""
    parts, by_metric = [], measured.results[0].answers
    for metric, answers in by_metric.items():
        named = [(n, result.answers[metric]) for n, result in zip(summary.names, measured.results)]
        panel = PANELS[answers.kind](measured.entry.source, named)
        parts += [tag("h4", metric)] if len(by_metric) > 1 else []
        parts += panel
    return parts


def _metrics(summary: Summary, rows: list[Row]) -> ET.Element:
    head = tag("tr", *(tag("th", each) for each in ("metric", "chance", "queries", *summary.names)))
    body = [
        tag(
            "tr",
            tag("th", row.metric),
            tag("td", "" if row.figures[0].chance is None else f"{row.figures[0].chance:.2f}"),
            tag("td", f"{row.figures[0].queries:,}"),
            *(tag("td", each.told(" ({low:.2f} to {high:.2f})")) for each in row.figures),
        )
        for row in rows
    ]
    return tag("table", head, *body, class_="small")
