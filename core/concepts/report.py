"""What a concept analysis found, as a mapping for JSON and as Markdown (UniCL, Tables 1, 10, 11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

from tandemclip.core.concepts.coverage import coverage, overlap
from tandemclip.core.concepts.finder import Finder
from tandemclip.core.concepts.pool import Pool
from tandemclip.core.console.markdown import plain, table

SHOWN = 1000  # concepts of each data set in the mapping, as many as UniCL's Fig. 8 has
NAMED = 10  # classes that Markdown names


def summarize(
    pools: Sequence[Pool], lists: Mapping[str, Sequence[str]], top: int, finder: Finder, command: str
) -> dict:
    """lists: {name of a class list: its classes}. top: how many concepts of each data set are compared."""
    return {
        "command": command,
        "phrases_by": finder.name,
        "more_than": pools[0].more_than,
        "data": {pool.name: _data(pool) for pool in pools},
        "overlap": {"top": top, "percent": overlap(pools, top)},
        "coverage": {name: {pool.name: _coverage(pool, classes) for pool in pools} for name, classes in lists.items()},
    }


def _data(pool: Pool) -> dict:
    return {
        "images": pool.images,
        "captions": pool.captions,
        "without_phrase": pool.without_phrase,
        "phrases": len(pool.phrases),
        "classes": len(pool.classes),
        "concepts": len(pool.concepts),
        "vocabulary": pool.vocabulary,
        "most_frequent": dict(islice(pool.concepts.items(), SHOWN)),
        "accounts": [account.to_json() for account in pool.accounts],
    }


def _coverage(pool: Pool, classes: Sequence[str]) -> dict:
    found = coverage(pool, classes)
    return {
        "percent": found.percent,
        "percent_mentioned": found.percent_mentioned,
        "counts": found.counts,
        "mentions": found.mentions,
    }


def markdown(report: dict) -> str:
    data, lists = report["data"], report["coverage"]
    often = f"more than {report['more_than']} times"
    parts = [f"```sh\n{report['command']}\n```", f"Noun phrases by {report['phrases_by']}."]
    rows = [_row(name, entry) for name, entry in data.items()]
    head = ["data", "images", "captions", f"concepts ({often})", "words", "images / concept", "most frequent"]
    parts += [table(head, rows)]
    if len(data) > 1:
        parts += [
            f"Of the {report['overlap']['top']:,} most frequent concepts of a row, those that are among the column's:",
            table(
                ["", *data], [[n, *(f"{x:.1f}%" for x in r.values())] for n, r in report["overlap"]["percent"].items()]
            ),
        ]
    if lists:
        parts += [
            f"Of the classes, those that are a concept ({often}), and those that any noun phrase mentions:",
            table(["classes", *data], [[_listed(n, row), *map(_both, row.values())] for n, row in lists.items()]),
            *(plain(f"{name}, no concept of {of}: {_missing(e)}") for name, r in lists.items() for of, e in r.items()),
        ]
    return "\n\n".join(parts) + "\n"


def _row(name: str, entry: dict) -> list[str]:
    images, concepts = entry["images"], entry["concepts"]
    ratio = "" if images is None or not concepts else f"{images / concepts:.1f}"
    first = ", ".join(islice(entry["most_frequent"], 5))
    return [name, "" if images is None else f"{images:,}", f"{entry['captions']:,}", f"{concepts:,}",
            f"{entry['vocabulary']:,}", ratio, first]  # fmt: skip


def _listed(name: str, row: dict) -> str:
    return f"{name} ({len(next(iter(row.values()))['counts'])})"


def _both(entry: dict) -> str:
    return f"{entry['percent']:.1f}%, {entry['percent_mentioned']:.1f}%"


def _missing(entry: dict) -> str:
    names = [name for name, count in entry["counts"].items() if not count]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more if names else "none is missing"
