"""Time spent waiting for data: which part of the loading it goes into, and what to change."""

import math
import os
import time
from collections.abc import Iterable, Sequence

from tandemclip.core.data.records import BrokenRecord
from tandemclip.core.data.sources.source import Source
from tandemclip.core.data.views.view import View
from tandemclip.core.random import generator

SHARE = 0.3  # of the time, from which on it is worth a word
REMEDIES = {
    "reading": "put the data on a faster disk, or into tar shards on this one",
    "decoding": "store the images smaller, little above the resolution that is trained on",
    "cropping and tokenising": "store the images smaller, or train at a lower resolution",
}


def share(rows: Sequence[dict]) -> float:
    """The part of these steps (rows of the journal) that went into waiting for data."""
    return sum(row["data_seconds"] for row in rows) / sum(row["step_seconds"] for row in rows)


def stages(source: Source, views: dict[str, View], tokenizer, numbers: Iterable[int]) -> dict[str, float]:
    """Seconds a record spends in each stage of the loading, in one process: the mean over these records."""
    spent, read = dict.fromkeys(REMEDIES, 0.0), 0
    for number in numbers:
        marks = [time.perf_counter()]
        try:
            record = source[number]
            marks.append(time.perf_counter())
            _ = record.pixels
            marks.append(time.perf_counter())
            for name, view in views.items():
                view(record, generator("timing", number, name), tokenizer)
        except BrokenRecord:
            continue  # the loader names those
        marks.append(time.perf_counter())
        read += 1
        for stage, begin, end in zip(spent, marks, marks[1:]):
            spent[stage] += end - begin
    return {stage: seconds / max(read, 1) for stage, seconds in spent.items()}


def explain(rows: Sequence[dict], batch_size: int, per_record: dict[str, float], workers: int) -> str:
    """One sentence or two: what was measured, and what to change. per_record: as `stages` gives it."""
    seconds = sum(row["step_seconds"] for row in rows)
    delivered = batch_size * len(rows) / seconds
    eaten = delivered / (1 - min(share(rows), 0.99))
    one, slowest = sum(per_record.values()), max(per_record, key=per_record.get)
    needed, cores = max(1, math.ceil(eaten * one)), os.cpu_count() or 1
    spent = ", ".join(f"{stage} {1000 * value:.1f} ms" for stage, value in per_record.items())
    if needed > cores:
        change = f"{needed} workers would be needed and there are {cores} cores: {REMEDIES[slowest]}"
    elif needed > workers:
        change = f"set data.workers={needed} (now {workers}; {cores} cores)"
    else:
        change = (
            f"{workers} workers should be enough, so that something else takes their cores or their disk: look at `top`"
        )
    return (
        f"{share(rows):.0%} of the last {len(rows)} steps went into waiting for data, which came at {delivered:.0f} "
        f"samples/s where the steps could take {eaten:.0f}. A sample takes {1000 * one:.1f} ms ({spent}; "
        f"{1 / max(one, 1e-9):.0f} a second and process): {change}"
    )
