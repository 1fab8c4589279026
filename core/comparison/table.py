"""What a comparison found, as a mapping for JSON and as Markdown."""

from __future__ import annotations

import json
import math
import statistics

from tandemclip.core.comparison.cells import Cell, Result
from tandemclip.core.console.markdown import table
from tandemclip.core.errors import UserError
from tandemclip.core.evaluation.bootstrap import paired_interval
from tandemclip.core.figures import NO_FIGURE


def names_of(metric: str, cell: Cell) -> list[str]:
    """The metrics whose mean "a+b" is."""
    known = cell.config.data.evaluate.metrics(cell.config.method)
    names = metric.split("+")
    for name in names:
        if name not in known:
            raise UserError(
                f"no metric {name!r} on the evaluation data; it has {', '.join(known)}, or a mean of some: a+b"
            )
    return names


def measured(cells: list[Cell]) -> tuple[list[str], list[str]]:
    """The metrics of all cells, and those that a cell lacks which was finished before there were such metrics."""
    names = cells[0].config.data.evaluate.metrics(cells[0].config.method)
    finished = [result for result in (cell.result() for cell in cells) if result is not None]
    lacking = [name for name in names if any(name not in result.metrics for result in finished)]
    return [name for name in names if name not in lacking], lacking


def figure(result: Result, names: list[str]) -> float:
    """Percent; NaN where the data give no figure."""
    for name in names:
        if name not in result.metrics:
            raise UserError(
                f"a finished run was not measured by {name}, which is newer; name others with --metric: "
                f"{', '.join(result.metrics)}"
            )
    return 100 * statistics.mean(result.metrics[name].share for name in names)


def summarize(results: dict[Cell, Result], metrics: list[str], command: str) -> dict:
    """Everything that the table shows, of cells in the order of `cells`: the same seeds for each configuration."""
    rows: dict[str, list[Cell]] = {}
    for cell in results:
        rows.setdefault(cell.name, []).append(cell)
    first, *_ = rows.values()
    configs = {}
    for name, cells in rows.items():
        of_cells = [results[cell] for cell in cells]
        configs[name] = {
            "config": str(cells[0].file),
            "trained_on": cells[0].settings["config"]["data"]["train"],
            "code": list(dict.fromkeys(version for result in of_cells for version in result.code)),
            "steps": [result.steps for result in of_cells],
            "views": [result.views for result in of_cells],
            "minutes": [result.minutes for result in of_cells],
        }
    return {
        "command": command,
        "backend": first[0].plan.backend,
        "seeds": [cell.seed for cell in first],
        "evaluated_on": first[0].settings["config"]["data"]["evaluate"],
        "images": next(iter(results[first[0]].metrics.values())).images,
        "configs": configs,
        "metrics": {metric: _metric(metric, rows, results) for metric in metrics},
    }


def _metric(metric: str, rows: dict[str, list[Cell]], results: dict[Cell, Result]) -> dict[str, dict]:
    found, first = {}, None
    for name, cells in rows.items():
        names = names_of(metric, cells[0])
        figures = [figure(results[cell], names) for cell in cells]
        if any(map(math.isnan, figures)):  # so it is in every cell: all are asked the same, and it gives none
            found[name] = {"figures": [None] * len(figures), "mean": None, "deviation": None}
            continue
        by_seed = [[results[cell].metrics[name] for name in names] for cell in cells]
        deviation = statistics.stdev(figures) if len(figures) > 1 else None
        found[name] = {"figures": figures, "mean": statistics.mean(figures), "deviation": deviation}
        if first is None:
            first = (found[name]["mean"], by_seed)
        else:
            low, high = paired_interval(first[1], by_seed)
            found[name]["difference"] = {"mean": found[name]["mean"] - first[0], "low": low, "high": high}
    return found


def markdown(summary: dict) -> str:
    seeds, (base, *others) = summary["seeds"], summary["configs"]
    parts = [f"```sh\n{summary['command']}\n```"]
    for metric, rows in summary["metrics"].items():
        title = f"mean of {' and '.join(metric.split('+'))}" if "+" in metric else metric
        head = [
            f"{title}, %",
            *(f"seed {seed}" for seed in seeds),
            "mean ± deviation",
            *([f"against {base}"] if others else []),
        ]
        body = [
            [name, *map(_percent, row["figures"]), _mean(row), *_difference(row, others)] for name, row in rows.items()
        ]
        parts.append(table(head, body))
    head = ["configuration", "steps", "image views", "minutes", "code", "trained on"]
    parts.append(table(head, [_run(name, config) for name, config in summary["configs"].items()]))
    speaks_of = "other seeds and images" if seeds[1:] else "other images; one seed says nothing of others"
    notes = (
        f"Evaluated on {summary['images']:,} images of `{_line(summary['evaluated_on'])}`, engine {summary['backend']}."
    )
    notes += " Deviation: between seeds, n - 1." if seeds[1:] else ""
    if others:
        notes += " In brackets: 95% interval of the difference, seeds and images paired, for "
        notes += f"{speaks_of} (`core/evaluation/bootstrap.py`)."
    return "\n\n".join([*parts, notes]) + "\n"


def _run(name: str, config: dict) -> list[str]:
    counts = [_range([f"{value:,}" for value in sorted(config[key])]) for key in ("steps", "views")]
    minutes = _range([f"{value:.1f}" for value in sorted(config["minutes"])])
    return [name, *counts, minutes, ", ".join(config["code"]), _line(config["trained_on"])]


def _range(values: list[str]) -> str:
    """Of sorted ones."""
    return values[0] if values[0] == values[-1] else f"{values[0]} to {values[-1]}"


def _percent(value: float | None) -> str:
    return NO_FIGURE if value is None else f"{value:.2f}"


def _mean(row: dict) -> str:
    return _percent(row["mean"]) + ("" if row["deviation"] is None else f" ± {_percent(row['deviation'])}")


def _difference(row: dict, others: list[str]) -> list[str]:
    """No column where there is nothing to compare with, an empty one in the first row."""
    between = row.get("difference")
    if between is None:
        return [""] if others else []
    return [f"{between['mean']:+.2f} [{between['low']:+.2f}, {between['high']:+.2f}]"]


def _line(mapping: dict) -> str:
    """One line."""
    return json.dumps(mapping)


def to_json(summary: dict) -> str:
    return json.dumps(summary, indent=1) + "\n"
